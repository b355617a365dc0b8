// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// What a request would do: the answer to every mutation with `?dryRun=true`. Nothing was changed.
///
/// What would refuse the request is answered as the same problem that the request itself would get; only a deletion answers
/// with its blockers here, and with the steps that would clear them away.
public struct Plan: Codable, Hashable, Sendable {
    /// Whether the request would be carried out as it is.
    public var allowed: Bool
    /// In the order in which they would be taken. Where the request is not allowed: what to do first, and the request itself as
    /// the last one.
    public var steps: [Step]
    public var blockers: [Problem.Blocker]

    public init(allowed: Bool = true, steps: [Step], blockers: [Problem.Blocker] = []) {
        self.allowed = allowed
        self.steps = steps
        self.blockers = blockers
    }

    public struct Step: Codable, Hashable, Sendable {
        /// A verb and its object in kebab-case, such as `create-image`.
        public var action: String
        /// What it is done to, as Ceph writes it: `rbd/vol-1@daily`.
        public var subject: String
        /// One sentence for people, without a full stop.
        public var detail: String?

        public init(_ action: String, _ subject: String, detail: String? = nil) {
            self.action = action
            self.subject = subject
            self.detail = detail
        }
    }
}
