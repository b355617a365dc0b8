// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

extension OutputFormat {
    /// What was done, or what would be. A plan's bare name would say too little: it is shown as a table then.
    func render(_ outcome: Outcome<some Presentable>) throws -> String {
        switch outcome {
        case .done(let item): try render(item)
        case .planned(let plan): try (self == .name ? .table : self).render(plan)
        }
    }

    /// A deletion: the bare name of what is gone, or what would be done.
    func render(_ outcome: Outcome<Void>, _ name: String) throws -> String {
        switch outcome {
        case .done: Escaping.name(name) + "\n"
        case .planned(let plan): try (self == .name ? .table : self).render(plan)
        }
    }
}
