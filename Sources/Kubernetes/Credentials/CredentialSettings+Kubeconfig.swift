// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import YAML

extension CredentialSettings {
    /// The settings of a context of a kubeconfig (kubectl's `Config`, version 1).
    /// - Parameters:
    ///   - path: the file. Relative paths in it are relative to its directory.
    ///   - context: nil for the file's current context.
    /// - Throws: ``CredentialsError`` if the file can't be read, or asks for something that is not supported.
    static func kubeconfig(path: String, context: String? = nil) throws(CredentialsError) -> CredentialSettings {
        guard let bytes = CredentialSource.file(path).content() else {
            throw CredentialsError("the kubeconfig \"\(path)\" can't be read")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CredentialsError("the kubeconfig \"\(path)\" is not UTF-8")
        }
        return try kubeconfig(text, path: path, context: context)
    }

    /// - Parameter path: the name of the file in errors, and the place of relative paths.
    static func kubeconfig(
        _ text: String,
        path: String,
        context: String? = nil
    ) throws(CredentialsError) -> CredentialSettings {
        let root: YAMLNode
        do { root = try YAMLNode.parse(text) } catch { throw CredentialsError("\(path): \(error)") }
        return try Kubeconfig(root: root, path: path).settings(context)
    }

    /// The kubeconfig that kubectl would use: `$KUBECONFIG`, else `~/.kube/config`; nil if neither is set.
    /// - Throws: ``CredentialsError`` if `$KUBECONFIG` has several files.
    static func kubeconfigPath(environment: [String: String]) throws(CredentialsError) -> String? {
        if let path = environment["KUBECONFIG"], !path.isEmpty {
            let files = path.split(separator: ":")
            guard files.count == 1 else {
                throw CredentialsError(
                    "KUBECONFIG has \(files.count) files; merge them with kubectl config view --flatten --raw"
                )
            }
            return String(files[0])
        }
        return environment["HOME"].flatMap { $0.isEmpty ? nil : "\($0)/.kube/config" }
    }
}

/// A kubeconfig while it is read.
private struct Kubeconfig {
    let root: YAMLNode
    let path: String

    func settings(_ chosen: String?) throws(CredentialsError) -> CredentialSettings {
        let name: String
        if let chosen {
            name = chosen
        } else if let current = text(root, "current-context") {
            name = current
        } else {
            throw CredentialsError("\(path): current-context is not set; run kubectl config use-context NAME")
        }
        let context = try entry("contexts", "context", name)
        guard let clusterName = text(context, "cluster"), let userName = text(context, "user") else {
            throw CredentialsError("\(path): the context \(name) has no cluster, or no user")
        }
        let cluster = try entry("clusters", "cluster", clusterName)
        let user = try entry("users", "user", userName)
        try check(cluster: cluster, named: clusterName)
        try check(user: user, named: userName)
        guard let server = text(cluster, "server") else {
            throw CredentialsError("\(path): the cluster \(clusterName) has no server")
        }
        let settings = CredentialSettings(
            server: try APIServerAddress(
                parsing: server,
                tlsServerName: text(cluster, "tls-server-name"),
                from: "\(path): the server of the cluster \(clusterName)"
            ),
            authorities: try source(cluster, "certificate-authority", "certificate-authority-data"),
            token: token(user),
            certificate: try source(user, "client-certificate", "client-certificate-data"),
            key: try source(user, "client-key", "client-key-data"),
            namespace: text(context, "namespace") ?? "default"
        )
        guard (settings.certificate == nil) == (settings.key == nil) else {
            throw CredentialsError(
                "\(path): the user \(userName) has a client certificate without its key, or a key alone"
            )
        }
        guard settings.server.isPrivate || settings.token == nil else {
            throw CredentialsError(
                "\(path): the token would be sent over plain HTTP, where anyone on the network path can read it; use the "
                    + "server's https address"
            )
        }
        return settings
    }

    /// Refuses what would otherwise be ignored.
    private func check(cluster: YAMLNode, named name: String) throws(CredentialsError) {
        if isTrue(cluster, "insecure-skip-tls-verify") {
            throw CredentialsError(
                "\(path): the cluster \(name) has insecure-skip-tls-verify, which is not supported, because anyone on the "
                    + "network path could take the credentials; set certificate-authority to the file of the server's CA"
            )
        }
        if text(cluster, "proxy-url") != nil {
            throw CredentialsError("\(path): the cluster \(name) has a proxy-url, which is not supported; remove it")
        }
    }

    /// Refuses what would otherwise be ignored.
    private func check(user: YAMLNode, named name: String) throws(CredentialsError) {
        for (key, member) in [("exec", "command"), ("auth-provider", "name")] {
            guard let plugin = user[key], !plugin.isNull else { continue }
            let program = text(plugin, member) ?? "in \(key)"
            throw CredentialsError(
                "\(path): the user \(name) gets its credentials from the program \(program), which is not supported; "
                    + "make a service account, write a token of kubectl create token to a file, and name it as tokenFile"
            )
        }
        for key in ["username", "password"] where text(user, key) != nil {
            throw CredentialsError(
                "\(path): the user \(name) has a \(key), which API servers no longer accept; use a token"
            )
        }
        for key in ["as", "as-uid", "as-groups", "as-user-extra"] where user[key].map({ !$0.isNull }) ?? false {
            throw CredentialsError(
                "\(path): the user \(name) acts as another user (\(key)), which is not supported; use that user's own token"
            )
        }
    }

    /// tokenFile takes precedence over token, as for kubectl.
    private func token(_ user: YAMLNode) -> CredentialSource? {
        if let file = text(user, "tokenFile") { return .file(resolved(file)) }
        return text(user, "token").map { .text(Array($0.utf8)) }
    }

    /// The data takes precedence over the file, as for kubectl.
    private func source(_ node: YAMLNode, _ file: String, _ data: String) throws(CredentialsError) -> CredentialSource?
    {
        if let base64 = text(node, data) {
            guard let bytes = Data(base64Encoded: base64, options: .ignoreUnknownCharacters), !bytes.isEmpty else {
                throw CredentialsError("\(path): \(data) is not base64")
            }
            return .text(Array(bytes))
        }
        return text(node, file).map { .file(resolved($0)) }
    }

    private func resolved(_ file: String) -> String {
        if file.hasPrefix("/") { return file }
        guard let slash = path.lastIndex(of: "/") else { return file }
        return String(path[...slash]) + file
    }

    private func entry(_ list: String, _ member: String, _ name: String) throws(CredentialsError) -> YAMLNode {
        let found = root[list]?.items?.first { $0["name"]?.text == name }
        guard let value = found?[member] else { throw CredentialsError("\(path): \(list) has no \(name)") }
        return value
    }

    /// Nil if the member is missing, null or empty.
    private func text(_ node: YAMLNode, _ key: String) -> String? {
        guard let value = node[key], !value.isNull, let text = value.text, !text.isEmpty else { return nil }
        return text
    }

    private func isTrue(_ node: YAMLNode, _ key: String) -> Bool {
        guard let text = text(node, key) else { return false }
        return text.lowercased() == "true"
    }
}
