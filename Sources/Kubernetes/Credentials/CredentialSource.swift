// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Where a secret or a certificate is from: a file, which is read again when it changes, or a text.
enum CredentialSource: Hashable, Sendable {
    case file(String)
    case text([UInt8])

    /// The content; nil if the file can't be read.
    func content() -> [UInt8]? {
        switch self {
        case .file(let path): FileManager.default.contents(atPath: path).map { Array($0) }
        case .text(let bytes): bytes
        }
    }

    /// The name in errors. A text is never shown.
    var name: String {
        switch self {
        case .file(let path): "\"\(path)\""
        case .text: "the data in the kubeconfig"
        }
    }
}

/// What a client needs to know of an API server, before the files are read.
struct CredentialSettings: Sendable {
    var server: APIServerAddress
    /// The certificates to trust; nil for those of this machine.
    var authorities: CredentialSource?
    var token: CredentialSource?
    var certificate: CredentialSource?
    var key: CredentialSource?
    /// The namespace of the pod, or of the context.
    var namespace: String

    /// All sources, in a fixed order.
    var sources: [CredentialSource] { [authorities, token, certificate, key].compactMap { $0 } }
}
