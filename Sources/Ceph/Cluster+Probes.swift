// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
public import Naming

/// Probes that check whether the cluster answers. They run in a pool of their own, where they do not wait behind other
/// work. They bypass the breakers, which wait for them.
extension Cluster {
    /// Sends a command to the monitors.
    /// - C function: rados_mon_command (`health`)
    public func probeMonitors(through pool: BlockingPool) async throws {
        let rados = rados
        try await noticing {
            try await pool.run(.readStatus, on: .cluster) { () throws(CephError) in
                _ = try rados.command("health", .readStatus, on: .cluster)
            }
        }
    }

    /// Reads a pool's directory, and an image in the pool.
    /// - Throws: `CephError` with `.poolNotFound`, `.imageNotFound`.
    /// - C function: rados_stat, rados_read_op_operate
    public func probe(pool name: String, image: ImageSpec? = nil, through pool: BlockingPool) async throws {
        let rados = rados
        try await noticing {
            try await pool.run(.readImage, on: .pool(name)) { () throws(CephError) in
                let context = try IOContext(image?.place ?? Place(pool: name), rados: rados)
                // That it does not exist is an answer, too.
                try check(rados_stat(context.pointer, "rbd_directory", nil, nil), .readImage, on: .pool(name))
                if let image {
                    var reader = ImageReader(context)
                    _ = try reader.image(named: RawName(image.image))
                }
            }
        }
    }

    /// Runs the probe of a breaker, and reports the result to the breaker.
    public func run(_ probe: Breakers.Probe, through pool: BlockingPool) async {
        do {
            switch probe.scope {
            case .monitors: try await probeMonitors(through: pool)
            case .pool(let name): try await self.probe(pool: name, image: probe.image, through: pool)
            }
            breakers.probeEnded(probe.scope, hasAnswered: true)
        } catch let error as CephError {
            breakers.probeEnded(probe.scope, hasAnswered: Breakers.isAnswer(error))
        } catch {
            breakers.probeEnded(probe.scope, hasAnswered: false)
        }
    }
}
