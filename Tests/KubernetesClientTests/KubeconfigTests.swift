// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Kubernetes

private func config(
    cluster: String = "server: https://10.0.0.1:6443",
    user: String = "token: secret"
) -> String {
    """
    apiVersion: v1
    kind: Config
    current-context: main
    contexts:
    - name: main
      context: {cluster: c, user: u, namespace: storage}
    - name: other
      context: {cluster: c, user: missing}
    clusters:
    - name: c
      cluster: {\(cluster)}
    users:
    - name: u
      user: {\(user)}
    """
}

/// Kubeconfigs that are refused, and words of the error.
private let unsupported: [(String, String)] = [
    (config(cluster: "server: https://a, insecure-skip-tls-verify: true"), "certificate-authority"),
    (config(cluster: "server: https://a, proxy-url: http://p"), "proxy-url"),
    (config(cluster: "server: http://a"), "plain HTTP"),
    (config(cluster: "server: a"), "https://HOST:PORT"),
    (config(cluster: "namespace: a"), "has no server"),
    (config(user: "exec: {command: aws}"), "kubectl create token"),
    (config(user: "auth-provider: {name: gcp}"), "kubectl create token"),
    (config(user: "username: a"), "use a token"),
    (config(user: "token: a, as: root"), "acts as another user"),
    (config(user: "client-certificate: a"), "without its key"),
    (config(cluster: "server: https://a, certificate-authority-data: '*'"), "not base64"),
    ("a: [", "line"),
    ("contexts: []", "current-context is not set"),
]

@Suite struct KubeconfigTests {
    private func read(_ text: String, context: String? = nil) throws -> CredentialSettings {
        try CredentialSettings.kubeconfig(text, path: "/etc/kube/config", context: context)
    }

    @Test func theCurrentContextIsRead() throws {
        let settings = try read(config())
        #expect(
            settings.server.url(["api", "v 1"], query: [("a", "b/c"), ("d", nil)])
                == "https://10.0.0.1:6443/api/v%201?a=b%2Fc"
        )
        #expect(settings.token?.content() == Array("secret".utf8))
        #expect(settings.namespace == "storage")
        #expect(settings.authorities == nil)
    }

    @Test func relativePathsAreRelativeToTheFile() throws {
        let text = config(
            cluster: "server: https://a/k8s/c-1/, certificate-authority: ca.crt",
            user: "tokenFile: /run/token, token: other"
        )
        let settings = try read(text)
        #expect(settings.authorities == .file("/etc/kube/ca.crt"))
        #expect(settings.token == .file("/run/token"))
        #expect(settings.server.url(["api"]) == "https://a/k8s/c-1/api")
    }

    @Test func dataTakesPrecedenceOverFiles() throws {
        let text = config(cluster: "server: https://a, certificate-authority: x, certificate-authority-data: YWJj")
        #expect(try read(text).authorities == .text(Array("abc".utf8)))
    }

    @Test func anotherNameOfTheServerIsUsedForTLS() throws {
        let settings = try read(config(cluster: "server: 'https://[::1]:6443', tls-server-name: kubernetes"))
        #expect(settings.server.url([]) == "https://kubernetes:6443")
        #expect(settings.server.connection?.host == "::1")
    }

    @Test(arguments: unsupported)
    func whatIsNotSupportedIsRefused(text: String, words: String) {
        let error = #expect(throws: CredentialsError.self) { try read(text) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func missingEntriesAreNamed() {
        let user = #expect(throws: CredentialsError.self) { try read(config(), context: "other") }
        #expect(user?.description == "/etc/kube/config: users has no missing")
        let context = #expect(throws: CredentialsError.self) { try read(config(), context: "none") }
        #expect(context?.description == "/etc/kube/config: contexts has no none")
    }

    @Test func thePlaceIsKubectls() throws {
        #expect(try CredentialSettings.kubeconfigPath(environment: ["KUBECONFIG": "/a", "HOME": "/h"]) == "/a")
        #expect(try CredentialSettings.kubeconfigPath(environment: ["HOME": "/h"]) == "/h/.kube/config")
        #expect(try CredentialSettings.kubeconfigPath(environment: [:]) == nil)
        #expect(throws: CredentialsError.self) {
            try CredentialSettings.kubeconfigPath(environment: ["KUBECONFIG": "/a:/b"])
        }
    }

    @Test func aProcessOutsideOfAPodIsToldSo() {
        #expect(throws: CredentialsError.self) { try CredentialSettings.inCluster(environment: [:]) }
        let environment = ["KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"]
        let error = #expect(throws: CredentialsError.self) {
            try CredentialSettings.inCluster(environment: environment, directory: "/nonexistent")
        }
        #expect(error?.description.contains("automountServiceAccountToken") == true)
    }
}
