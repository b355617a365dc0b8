// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The configuration of the webhook for Kubernetes' admission reviews.
public struct WebhookConfiguration: Sendable {
    public var host: String
    /// 0 takes any free port.
    public var port: Int
    var tls: TLSCredentials.Files
}

extension ServiceConfiguration {
    static func controller(_ settings: ParsedSettings) throws(ConfigurationError) -> ControllerConfiguration? {
        guard let lease = KubernetesName.pair(settings.kubernetesLease) else {
            throw settings.error(
                \.kubernetesLease,
                "\"\(settings.kubernetesLease)\" is not NAMESPACE/NAME, such as rbd-rest-api/rbd-rest-api-controller"
            )
        }
        guard settings.kubernetesController else { return nil }
        // Whoever may create volumes can have images created, and moved to the trash. So the pools must be set
        // explicitly, even to all.
        guard settings.kubernetesPools != nil else {
            throw settings.error(
                \.kubernetesPools,
                "the controller creates images and moves them to the trash; name the pools for that, or write * for all"
            )
        }
        // Nobody could take back the deletion of a volume.
        guard settings.trashDelay > .zero else {
            throw settings.error(
                \.trashDelay,
                "the images of volumes that the controller moves to the trash would be purged immediately; set a time for "
                    + "which they can be restored"
            )
        }
        return ControllerConfiguration(
            kubeconfig: settings.kubernetesKubeconfig,
            leaseNamespace: lease.namespace,
            leaseName: lease.name,
            orphans: OrphanPolicy(handling: settings.kubernetesOrphans, age: settings.kubernetesOrphanAge)
        )
    }

    static func volumes(_ settings: ParsedSettings) throws(ConfigurationError) -> VolumeRules {
        var rules = VolumeRules(drivers: Set(settings.kubernetesDrivers), isOptIn: settings.kubernetesOptIn)
        if let text = settings.kubernetesDrivers.first(where: { !VolumeRules.isDriver($0) }) {
            throw settings.error(
                \.kubernetesDrivers,
                "\"\(text)\" is neither the name of a driver nor *. and the end of names, such as *.rbd.csi.ceph.com"
            )
        }
        rules.hasController = settings.kubernetesController
        let pools = settings.kubernetesPools ?? []
        if !pools.isEmpty, pools != ["*"] { rules.pools = Set(pools) }
        guard pools == ["*"] || !pools.contains("*") else {
            throw settings.error(\.kubernetesPools, "* stands for all pools; name pools or write * alone")
        }
        if let clusters = settings.kubernetesClusterIDs, !clusters.isEmpty {
            var namespaces: [String: String] = [:]
            for text in clusters {
                let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
                guard parts.count <= 2, !parts.contains("") else {
                    throw settings.error(\.kubernetesClusterIDs, "\"\(text)\" is neither ID nor ID/NAMESPACE")
                }
                guard namespaces.updateValue(parts.count == 2 ? parts[1] : "", forKey: parts[0]) == nil else {
                    throw settings.error(\.kubernetesClusterIDs, "\"\(parts[0])\" is given twice")
                }
            }
            rules.clusters = namespaces
        }
        return rules
    }

    static func webhook(_ settings: ParsedSettings) throws(ConfigurationError) -> WebhookConfiguration? {
        switch (settings.webhookCertificate, settings.webhookKey) {
        case (let certificate?, let key?):
            // Reviews do not authenticate the author of a volume. So the pools must be set explicitly, even to all.
            guard settings.kubernetesPools != nil else {
                throw settings.error(
                    \.kubernetesPools,
                    "anyone who can reach the webhook can have images created; name the pools for them, or write * for all"
                )
            }
            return WebhookConfiguration(
                host: settings.webhookHost,
                port: settings.webhookPort,
                tls: TLSCredentials.Files(
                    certificate: certificate,
                    key: key,
                    clientAuthorities: settings.webhookClientCA,
                    requiresClient: true
                )
            )
        case (nil, nil):
            guard settings.webhookClientCA == nil else {
                throw settings.error(
                    \.webhookClientCA,
                    "there is no webhook; set \(Settings.declared.webhookCertificate.name) and "
                        + Settings.declared.webhookKey.name
                )
            }
            return nil
        case (nil, _): throw settings.error(\.webhookCertificate, "the key has no certificate")
        case (_, nil): throw settings.error(\.webhookKey, "the certificate has no key")
        }
    }
}
