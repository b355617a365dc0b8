// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOHTTP1
import NIOHTTPCompression

/// Marks the answers that are worth compressing. The channel compresses them if the client accepts that. Only this
/// middleware knows the request: the answer to a HEAD has no body to compress.
struct CompressionMiddleware: RouterMiddleware {
    /// An answer that fits into one packet gains nothing.
    private static let worthwhileBytes = 1_400
    /// Event streams are left out: they are short, and must not wait for a block to fill.
    private static let mediaTypes: Set<String> = [
        "application/json", ImageListing.streamType, "application/yaml", "text/plain",
    ]
    private static let mark = HTTPField.Name("X-Compress")!

    func handle(_ request: Request, context: ServiceRequestContext, next: Next) async throws -> Response {
        var response = try await next(request, context)
        guard Self.isWorthwhile(response) else { return response }
        let others = response.headers[.vary].map { "\($0), " } ?? ""
        response.headers[.vary] = "\(others)Accept-Encoding"
        // The guard of the connection removes the header where nothing can be compressed: then nothing would remove the
        // mark.
        if request.method != .head, request.headers[.acceptEncoding] != nil { response.headers[Self.mark] = "1" }
        return response
    }

    /// Add this where only answers from the router pass: it matches answers to requests by counting.
    static func handler() -> HTTPResponseCompressor {
        HTTPResponseCompressor { head, isSupported in
            guard head.headers.contains(name: mark.rawName) else { return .doNotCompress }
            head.headers.remove(name: mark.rawName)
            guard isSupported else { return .doNotCompress }
            // The head is sent before the length of the compressed body is known.
            head.headers.remove(name: "content-length")
            head.headers.replaceOrAdd(name: "transfer-encoding", value: "chunked")
            return .compressIfPossible
        }
    }

    private static func isWorthwhile(_ response: Response) -> Bool {
        // A strong entity tag identifies the exact bytes.
        if let tag = response.headers[.eTag], !tag.hasPrefix("W/") { return false }
        if let length = response.body.contentLength, length < worthwhileBytes { return false }
        let mediaType = (response.headers[.contentType] ?? "").prefix { $0 != ";" }
        return mediaTypes.contains(mediaType.lowercased())
    }
}
