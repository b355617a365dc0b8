// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Naming
import Testing

@testable import Ceph

struct ErrnoTests {
    @Test(
        arguments: [
            (ENOENT, .connect, .keyringNotFound),
            (EIO, .connect, .keyUnsupported),
            (ENOENT, .configure, .invalidConfiguration),
            (ENOENT, .openPool, .poolNotFound),
            (ENOENT, .findNamespace, .namespaceNotFound),
            (ENOENT, .readImage, .imageNotFound),
            (ENOENT, .removeImage, .imageNotFound),
            (ENOENT, .createImage, .dataPoolNotFound),
            (ENAMETOOLONG, .readImage, .imageNotFound),
            (ENAMETOOLONG, .listImages, .namespaceNotFound),
            (ENAMETOOLONG, .readGroup, .namespaceNotFound),
            (EEXIST, .createImage, .imageExists),
            (EBUSY, .removeImage, .imageBusy),
            (ENOTEMPTY, .removeImage, .imageHasSnapshots),
            (EMLINK, .removeImage, .imageInGroup),
            (EROFS, .removeImage, .imageReadOnly),
            (EDOM, .createImage, .invalidObjectSize),
            (ENOSYS, .createImage, .invalidFeatures),
            (ENOSYS, .removeImage, .unsupported),
            (EOPNOTSUPP, .createImage, .poolErasureCoded),
            (EOPNOTSUPP, .changeImage, .unsupported),
            (ENOENT, .changeGroup, .groupNotFound),
            (ENOENT, .changeGroupImages, .imageNotFound),
            (ENOENT, .changeGroupSnapshots, .groupSnapshotNotFound),
            (EEXIST, .changeGroup, .groupExists),
            (EEXIST, .changeGroupImages, .imageInGroup),
            (EEXIST, .changeGroupSnapshots, .groupSnapshotExists),
            (EINVAL, .createImage, .invalidImageOption),
            (EINVAL, .createPool, .invalidPoolOption),
            (EINVAL, .connect, .invalidConfiguration),
            (ERANGE, .createPool, .invalidPoolOption),
            (ENOENT, .changePool, .poolNotFound),
            (EEXIST, .changePool, .poolExists),
            (EBUSY, .changePool, .poolBusy),
            (EPERM, .changePool, .invalidPoolOption),
            (EOPNOTSUPP, .changePool, .invalidPoolOption),
            (EDQUOT, .createImage, .poolFull),
            (ENOSPC, .createImage, .poolFull),
            (EPERM, .deletePool, .poolDeletionDisabled),
            (EPERM, .listImages, .credentialsRefused),
            (EACCES, .connect, .credentialsRefused),
            (EACCES, .createPool, .credentialsRefused),
            (ESHUTDOWN, .listImages, .clientBlocklisted),
            (ETIMEDOUT, .connect, .clusterUnreachable),
            (ETIMEDOUT, .createImage, .timedOut),
            (ENOENT, .createSnapshot, .snapshotNotFound),
            (ENOENT, .removeNamespace, .namespaceNotFound),
            (EEXIST, .createSnapshot, .snapshotExists),
            (EEXIST, .changeSnapshot, .snapshotExists),
            (EEXIST, .cloneImage, .imageExists),
            (EEXIST, .createNamespace, .namespaceExists),
            (EBUSY, .removeSnapshot, .snapshotProtected),
            (EBUSY, .rollBackImage, .imageBusy),
            (EBUSY, .removeNamespace, .namespaceNotEmpty),
            (EDQUOT, .createSnapshot, .poolFull),
            (EDOM, .cloneImage, .invalidObjectSize),
            (ENOENT, .breakLock, .lockNotFound),
            (EIO, .createImage, .other),
        ] as [(CInt, CephError.Operation, CephError.Code)]
    )
    func meaning(errno: CInt, operation: CephError.Operation, code: CephError.Code) {
        #expect(ErrnoTable.code(errno: errno, operation: operation) == code)
    }

    @Test func everyRowCanBeReached() {
        for (index, row) in ErrnoTable.rows.enumerated() {
            let operations = row.operations ?? Set(CephError.Operation.allCases)
            let isReachable = operations.contains { operation in
                ErrnoTable.rows.firstIndex { $0.errno == row.errno && $0.operations?.contains(operation) ?? true }
                    == index
            }
            #expect(isReachable, "row \(index), errno \(row.errno), is hidden by rows before it")
        }
    }

    @Test func checkReadsCephsConvention() throws {
        #expect(try check(0, .readImage, on: .cluster) == 0)
        #expect(try check(7, .readImage, on: .cluster) == 7)
        let image = CephError.Resource.image(ImageSpec(pool: "rbd", image: "vol-1"))
        let error = #expect(throws: CephError.self) { try check(-ENOENT, .readImage, on: image) }
        #expect(error == CephError(.imageNotFound, .readImage, on: image, errno: ENOENT))
    }

    @Test func descriptionNamesTheResourceAndHidesTheNumber() {
        let image = CephError.Resource.image(ImageSpec(pool: "rbd", namespace: "ns", image: "vol-1"))
        let error = CephError(errno: ENOTEMPTY, .removeImage, on: image)
        #expect(error.description == "image \"rbd/ns/vol-1\" has snapshots")
        #expect(error.debugDescription == "\(error.description) [removeImage, imageHasSnapshots, errno 39]")
    }

    @Test func anUnknownNumberKeepsItsName() {
        let error = CephError(errno: EIO, .readImage, on: .pool("rbd"))
        #expect(error.code == .other)
        #expect(error.description.contains("Input/output error"))
    }

    /// The compiler requires a sentence for each code, but accepts an empty one.
    @Test func everyCodeHasASentence() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources/Ceph/CephError+Code.swift")
        let source = try String(contentsOf: file, encoding: .utf8)
        let rows = source.matches(of: #/static let (\w+) = Self\("(\w+)"[^{]*\{[^"{}]*"([^"]+)/#)
        #expect(rows.count > 50)
        #expect(rows.count == source.matches(of: #/static let/#).count)
        for row in rows {
            let (code, sentence) = (String(row.2), String(row.3))
            #expect(row.1 == row.2)
            #expect(sentence.count > 10 && !sentence.contains(code), "\(code)")
        }
    }

    @Test(arguments: Set(ErrnoTable.rows.map(\.code)))
    func descriptionsDoNotNameTheCode(code: CephError.Code) {
        let description = CephError(code, .readImage, on: .pool("rbd")).description
        #expect(description.count > 10)
        #expect(!description.contains(code.rawValue))
    }
}
