// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// Checks a pool's values before the monitors see them. Each problem names its field.
enum PoolRules {
    /// - Throws: `Problem` with `invalid-pool-option`.
    static func options(_ request: CreatePoolRequest) throws(Problem) -> PoolOptions {
        PoolOptions(
            pgNum: try pgNum(request.pgNum),
            size: try size(request.size, field: "size"),
            autoscale: try autoscale(request.autoscale),
            erasureCode: try erasureCode(request)
        )
    }

    static func pgNum(_ value: Int?) throws(Problem) -> Int? {
        try check(value, in: 1...65_536, field: "pgNum")
    }

    static func size(_ value: Int?, field: String) throws(Problem) -> Int? {
        try check(value, in: 1...10, field: field)
    }

    static func autoscale(_ text: String?) throws(Problem) -> PoolOptions.Autoscale? {
        guard let text else { return nil }
        guard let mode = PoolOptions.Autoscale(rawValue: text) else {
            throw invalid("autoscale", "it must be \"on\", \"off\" or \"warn\"")
        }
        return mode
    }

    private static func erasureCode(_ request: CreatePoolRequest) throws(Problem) -> ErasureCode? {
        let fields = [
            ("erasureCodeProfile", request.erasureCodeProfile != nil), ("dataChunks", request.dataChunks != nil),
            ("codingChunks", request.codingChunks != nil), ("failureDomain", request.failureDomain != nil),
        ]
        switch request.type {
        case nil, "replicated":
            if let field = fields.first(where: \.1)?.0 { throw invalid(field, "it is for the type \"erasure\" only") }
            return nil
        case "erasure": break
        default: throw invalid("type", "it must be \"replicated\" or \"erasure\"")
        }
        guard request.size == nil else {
            throw invalid("size", "the number of chunks of an erasure-coded pool comes from its profile")
        }
        if let profile = request.erasureCodeProfile {
            if let field = fields.dropFirst().first(where: \.1)?.0 {
                throw invalid(field, "it is in the erasureCodeProfile")
            }
            try checkWord(profile, field: "erasureCodeProfile")
            return .profile(profile)
        }
        guard let data = try check(request.dataChunks, in: 2...32, field: "dataChunks") else {
            throw invalid("dataChunks", "it is needed, together with codingChunks, unless erasureCodeProfile is given")
        }
        guard let coding = try check(request.codingChunks, in: 1...32, field: "codingChunks") else {
            throw invalid("codingChunks", "it is needed together with dataChunks")
        }
        if let domain = request.failureDomain { try checkWord(domain, field: "failureDomain") }
        return .chunks(data: data, coding: coding, failureDomain: request.failureDomain)
    }

    /// The field that decides over what the chunks of a new pool are spread.
    static func field(of code: ErasureCode) -> String {
        if case .profile = code { "erasureCodeProfile" } else { "failureDomain" }
    }

    /// The text becomes a part of a name or a command.
    private static func checkWord(_ text: String, field: String) throws(Problem) {
        if let objection = Names.objection(to: text) { throw invalid(field, "it \(objection)") }
    }

    private static func check(_ value: Int?, in range: ClosedRange<Int>, field: String) throws(Problem) -> Int? {
        guard let value else { return nil }
        guard range.contains(value) else {
            throw invalid(field, "it must be from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    static func invalid(_ field: String, _ reason: String, hint: String? = nil) -> Problem {
        Problem(.invalidPoolOption, field, reason, hint: hint)
    }

    /// The field of a new pool that the monitors' message is about.
    static func field(blamedBy error: CephError) -> String? {
        guard let words = error.detail else { return nil }
        if words.contains("erasure") || words.contains("bluestore") { return "type" }
        if words.contains("pg_num") || words.contains("pgs") { return "pgNum" }
        return words.contains("size") ? "size" : nil
    }
}
