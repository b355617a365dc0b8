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
    static func volumes(_ values: SettingValues) throws(ConfigurationError) -> VolumeRules {
        var rules = VolumeRules(drivers: Set(list(values.optional(.kubernetesDrivers))))
        let pools = list(values.optional(.kubernetesPools))
        if !pools.isEmpty, pools != ["*"] { rules.pools = Set(pools) }
        guard pools == ["*"] || !pools.contains("*") else {
            throw values.error(.kubernetesPools, "* stands for all pools; name pools or write * alone")
        }
        let clusters = list(values.optional(.kubernetesClusterIDs))
        if !clusters.isEmpty {
            var namespaces: [String: String] = [:]
            for text in clusters {
                let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
                guard parts.count <= 2, !parts.contains("") else {
                    throw values.error(.kubernetesClusterIDs, "\"\(text)\" is neither ID nor ID/NAMESPACE")
                }
                guard namespaces.updateValue(parts.count == 2 ? parts[1] : "", forKey: parts[0]) == nil else {
                    throw values.error(.kubernetesClusterIDs, "\"\(parts[0])\" is given twice")
                }
            }
            rules.clusters = namespaces
        }
        rules.isOptIn = try values.flag(.kubernetesOptIn)
        return rules
    }

    static func webhook(_ values: SettingValues) throws(ConfigurationError) -> WebhookConfiguration? {
        switch (values.optional(.webhookCertificate), values.optional(.webhookKey)) {
        case (let certificate?, let key?):
            // Reviews do not authenticate the author of a volume. So the pools must be set explicitly, even to all.
            guard values.optional(.kubernetesPools) != nil else {
                throw values.error(
                    .kubernetesPools,
                    "anyone who can reach the webhook can have images created; name the pools for them, or write * for all"
                )
            }
            return WebhookConfiguration(
                host: try values.text(.webhookHost),
                port: try values.integer(.webhookPort, in: 0...65_535),
                tls: TLSCredentials.Files(
                    certificate: certificate,
                    key: key,
                    clientAuthorities: values.optional(.webhookClientCA),
                    requiresClient: true
                )
            )
        case (nil, nil):
            guard values.optional(.webhookClientCA) == nil else {
                throw values.error(
                    .webhookClientCA,
                    "there is no webhook; set \(Setting.webhookCertificate.name) and \(Setting.webhookKey.name)"
                )
            }
            return nil
        case (nil, _): throw values.error(.webhookCertificate, "the key has no certificate")
        case (_, nil): throw values.error(.webhookKey, "the certificate has no key")
        }
    }

    /// The items of a list that is separated by commas or blanks.
    static func list(_ text: String?) -> [String] {
        text?.split { $0 == "," || $0.isWhitespace }.map(String.init) ?? []
    }
}
