// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Testing

/// A body that must be refused, with the expected code and field. The same list is sent through the router without a
/// cluster, and through a socket with one. Nothing may be left behind there.
public struct BadInput: Sendable, CustomTestStringConvertible {
    public var body: String
    public var code: String
    public var field: String

    public var testDescription: String { String(body.prefix(60)) }

    private static func image(_ members: String, _ code: String, _ field: String) -> BadInput {
        BadInput(body: #"{"name":"bad-input",\#(members)}"#, code: code, field: field)
    }

    private static func named(_ json: String) -> BadInput {
        BadInput(body: #"{"name":\#(json),"size":"1GiB"}"#, code: "invalid-name", field: "name")
    }

    public static let images: [BadInput] =
        [
            "\"\"", #""a/b""#, #""a@b""#, #""a\nb""#, #""a b""#, #"".""#, #""..""#, #""-rf""#, "\"#x\"", #""a%2Fb""#,
            #""vol-\u00fc""#, #""\ud83d\ude00""#, #""a\u0000b""#, "\"" + String(repeating: "x", count: 300) + "\"",
        ].map(named) + [
            BadInput(body: #"{"name":7,"size":1}"#, code: "malformed-body", field: "name"),
            BadInput(body: #"{"name":null,"size":1}"#, code: "malformed-body", field: "name"),
            BadInput(body: #"{"size":1}"#, code: "malformed-body", field: "name"),
            BadInput(body: #"{"name":"bad-input"}"#, code: "malformed-body", field: "size"),
            image(#""size":0"#, "invalid-size", "size"),
            image(#""size":-1"#, "invalid-size", "size"),
            image(#""size":1.5"#, "invalid-size", "size"),
            image(#""size":9223372036854775808"#, "invalid-size", "size"),
            image(#""size":18446744073709551616"#, "invalid-size", "size"),
            image(#""size":1e30"#, "invalid-size", "size"),
            image(#""size":true"#, "invalid-size", "size"),
            image(#""size":{}"#, "invalid-size", "size"),
            image(#""size":"0""#, "invalid-size", "size"),
            image(#""size":"-1GiB""#, "invalid-size", "size"),
            image(#""size":"1.0000001KiB""#, "invalid-size", "size"),
            image(#""size":"8EiB""#, "invalid-size", "size"),
            image(#""size":"99999999999999999999""#, "invalid-size", "size"),
            image(#""size":"10GB""#, "invalid-size", "size"),
            image(#""size":"10 parsecs""#, "invalid-size", "size"),
            image(#""size":"""#, "invalid-size", "size"),
            image(#""size":1,"objectSize":0"#, "invalid-object-size", "objectSize"),
            image(#""size":1,"objectSize":1"#, "invalid-object-size", "objectSize"),
            image(#""size":1,"objectSize":5000"#, "invalid-object-size", "objectSize"),
            image(#""size":1,"objectSize":"4MB""#, "invalid-object-size", "objectSize"),
            image(#""size":1,"features":["turbo"]"#, "invalid-features", "features"),
            image(#""size":1,"features":["migrating"]"#, "invalid-features", "features"),
            image(#""size":1,"features":["object-map"]"#, "invalid-features", "features"),
            image(#""size":1,"features":["exclusive-lock","fast-diff"]"#, "invalid-features", "features"),
            image(#""size":1,"features":["journaling"]"#, "invalid-features", "features"),
            image(#""size":1,"features":["layering","striping"]"#, "invalid-features", "features"),
            image(#""size":1,"features":"layering""#, "malformed-body", "features"),
            image(#""size":1,"stripeUnit":4096"#, "invalid-striping", "stripeCount"),
            image(#""size":1,"stripeCount":4"#, "invalid-striping", "stripeUnit"),
            image(#""size":1,"stripeUnit":0,"stripeCount":4"#, "invalid-striping", "stripeUnit"),
            image(#""size":1,"stripeUnit":4096,"stripeCount":0"#, "invalid-striping", "stripeCount"),
            image(#""size":1,"stripeUnit":4096,"stripeCount":4294967296"#, "invalid-striping", "stripeCount"),
            image(#""size":1,"stripeUnit":3000,"stripeCount":2,"objectSize":4096"#, "invalid-striping", "stripeUnit"),
            image(#""size":1,"stripeUnit":4096,"stripeCount":-4"#, "malformed-body", "stripeCount"),
            image(#""size":1,"dataPool":"""#, "data-pool-not-found", "dataPool"),
            image(#""size":1,"dataPool":5"#, "malformed-body", "dataPool"),
            image(#""size":1,"featrues":["layering"]"#, "unknown-field", "featrues"),
        ]

    /// Bodies that only Ceph itself can refuse.
    public static let imagesForCeph: [BadInput] = [
        // librbd refuses this with EDOM (-33), without an explanation.
        image(#""size":"1KiB","objectSize":"1KiB""#, "invalid-object-size", "objectSize"),
        image(#""size":"1GiB","objectSize":"64MiB""#, "invalid-object-size", "objectSize"),
        image(#""size":9223372036854775807"#, "invalid-size", "size"),
        image(#""size":"1PiB","objectSize":"4MiB""#, "invalid-size", "size"),
        image(#""size":1,"dataPool":"no-such-pool""#, "data-pool-not-found", "dataPool"),
        image(#""size":1,"stripeUnit":"3MiB","stripeCount":2"#, "invalid-striping", "stripeUnit"),
    ]

    public static let pools: [BadInput] = [
        BadInput(body: #"{}"#, code: "malformed-body", field: "name"),
        BadInput(body: #"{"name":""}"#, code: "invalid-name", field: "name"),
        BadInput(body: #"{"name":"bad/name"}"#, code: "invalid-name", field: "name"),
        BadInput(body: #"{"name":".dot"}"#, code: "invalid-name", field: "name"),
        BadInput(body: #"{"name":"bad-input","pgNum":0}"#, code: "invalid-pool-option", field: "pgNum"),
        BadInput(body: #"{"name":"bad-input","pgNum":65537}"#, code: "invalid-pool-option", field: "pgNum"),
        BadInput(body: #"{"name":"bad-input","pgNum":1.5}"#, code: "malformed-body", field: "pgNum"),
        BadInput(body: #"{"name":"bad-input","pgNum":"8"}"#, code: "malformed-body", field: "pgNum"),
        BadInput(body: #"{"name":"bad-input","size":0}"#, code: "invalid-pool-option", field: "size"),
        BadInput(body: #"{"name":"bad-input","size":11}"#, code: "invalid-pool-option", field: "size"),
        BadInput(body: #"{"name":"bad-input","autoscale":true}"#, code: "malformed-body", field: "autoscale"),
        BadInput(body: #"{"name":"bad-input","autoscale":"maybe"}"#, code: "invalid-pool-option", field: "autoscale"),
        BadInput(body: #"{"name":"bad-input","pgnum":8}"#, code: "unknown-field", field: "pgnum"),
    ]
}
