// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

extension Problem {
    /// The problem that a Ceph error means for the caller.
    init(_ error: CephError) {
        let meaning = error.meaning
        self.init(
            meaning.code,
            detail: error.description + (error.isOutcomeUnknown ? "; whether the change was made is not known" : ""),
            field: meaning.field,
            errno: error.errno,
            hint: meaning.hint,
            remedy: meaning.remedy
        )
    }
}
