// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The planned changes of a request: the response to every change with `?dryRun=true`. Nothing was changed.
///
/// If the request would be refused, the response is the same problem as without `dryRun`. Only a deletion responds with
/// its blockers here, and with the steps that remove them.
public struct Plan: Codable, Hashable, Sendable {
    /// Whether the request would succeed as it is.
    public var allowed: Bool
    /// The steps in order. If the request is not allowed: the steps to take first, and the request itself as the last
    /// one.
    public var steps: [Step]
    public var blockers: [Problem.Blocker]

    public init(allowed: Bool = true, steps: [Step], blockers: [Problem.Blocker] = []) {
        self.allowed = allowed
        self.steps = steps
        self.blockers = blockers
    }

    public struct Step: Codable, Hashable, Sendable {
        public var action: Action
        /// The object of the step, as Ceph writes it: `rbd/vol-1@daily`.
        public var subject: String
        /// One sentence for people, without a full stop.
        public var detail: String?

        public init(_ action: Action, _ subject: String, detail: String? = nil) {
            self.action = action
            self.subject = subject
            self.detail = detail
        }
    }
}
