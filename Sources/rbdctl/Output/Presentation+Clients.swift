// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import RBDAPI

extension ImageLock: Presentable {
    var bareName: String { client }

    static func table(of items: [ImageLock], detailed: Bool) -> [Table] {
        [
            Table(
                header: ["CLIENT", "COOKIE", "ADDRESS", "EXCLUSIVE", "MANAGED", "OWN"],
                rows: items.map {
                    [$0.client, $0.cookie, $0.address] + [$0.exclusive, $0.managed, $0.own].map(yesOrNo)
                }
            )
        ]
    }
}

extension ImageWatcher: Presentable {
    var bareName: String { client }

    static func table(of items: [ImageWatcher], detailed: Bool) -> [Table] {
        [
            Table(
                header: ["CLIENT", "ADDRESS", "COOKIE", "OWN"],
                rows: items.map { [$0.client, $0.address, String($0.cookie), yesOrNo($0.own)] }
            )
        ]
    }
}

private func yesOrNo(_ flag: Bool) -> String { flag ? "yes" : "no" }
