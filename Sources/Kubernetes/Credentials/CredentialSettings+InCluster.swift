// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

extension CredentialSettings {
    /// The directory with the credentials of a pod.
    static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The settings of a pod with a service account.
    /// - Throws: ``CredentialsError`` if this is not a pod, or it has no token.
    static func inCluster(
        environment: [String: String],
        directory: String = serviceAccountDirectory
    ) throws(CredentialsError) -> CredentialSettings {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            let port = environment["KUBERNETES_SERVICE_PORT"], !port.isEmpty
        else {
            throw CredentialsError(
                "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this is not a pod; name a kubeconfig instead"
            )
        }
        let shown = host.contains(":") ? "[\(host)]" : host
        let server = try APIServerAddress(parsing: "https://\(shown):\(port)", from: "KUBERNETES_SERVICE_HOST")
        let (token, authorities) = (
            CredentialSource.file("\(directory)/token"), CredentialSource.file("\(directory)/ca.crt")
        )
        for source in [token, authorities] where source.content() == nil {
            throw CredentialsError(
                "\(source.name) can't be read; set automountServiceAccountToken: true in the pod's specification"
            )
        }
        let namespace = CredentialSource.file("\(directory)/namespace").content().map {
            String(decoding: $0, as: UTF8.self)
        }
        return CredentialSettings(
            server: server,
            authorities: authorities,
            token: token,
            namespace: namespace.flatMap { $0.split(whereSeparator: \.isWhitespace).first.map { String($0) } }
                ?? "default"
        )
    }
}
