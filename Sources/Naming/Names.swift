// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The names that the service creates. librbd and the monitors accept almost anything (`a/b`, `a@b`, a newline, the
/// empty snapshot). Such a name can't be written in a spec or on a command line afterwards. This check is the only
/// guard against it.
///
/// Existing objects with other names can still be read and deleted.
public enum Names {
    /// One less than `RBD_MAX_IMAGE_NAME_SIZE`, which counts a terminating zero.
    public static let maximumLength = 95

    /// As a regular expression, for messages.
    public static let pattern = "[A-Za-z0-9][A-Za-z0-9._-]{0,94}"

    /// Why a name can't be created, in words that follow "the name"; nil if it can.
    public static func objection(to name: String) -> String? {
        if name.isEmpty { return "is empty" }
        if name.utf8.count > maximumLength { return "has \(name.utf8.count) bytes, over the \(maximumLength) allowed" }
        if let scalar = name.unicodeScalars.first(where: { !isAllowed($0) }) {
            return "contains \(describe(scalar)); allowed are letters, digits, \".\", \"_\" and \"-\""
        }
        if let first = name.unicodeScalars.first, !isAlphanumeric(first) {
            return "begins with \"\(first)\"; it must begin with a letter or a digit"
        }
        return nil
    }

    private static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9": true
        default: false
        }
    }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        isAlphanumeric(scalar) || scalar == "." || scalar == "_" || scalar == "-"
    }

    private static func describe(_ scalar: Unicode.Scalar) -> String {
        scalar.value > 0x20 && scalar.value < 0x7F
            ? "\"\(scalar)\"" : "U+\(String(scalar.value, radix: 16, uppercase: true))"
    }
}
