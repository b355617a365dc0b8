// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import RBDAPI

/// A question on the terminal before something is destroyed. The answer repeats a name or a size.
struct Confirmation {
    /// The error if there is no terminal, such as "deleting a pool must be confirmed".
    var reason: String
    /// The option that confirms, in the words of rbdctl.
    var remedy: Remedy
    /// What the command destroys, and what to type to continue.
    var question: String
    /// The error if the answer is wrong.
    var refusal: String

    /// - Throws: ``Failure`` if there is no terminal, or if the answer is wrong.
    func ask(_ isRight: (String) -> Bool) throws {
        guard Console.isInteractive else { throw Failure(.usage, reason, hint: remedy.words) }
        guard let answer = Console.ask(question + ": "), isRight(answer) else { throw Failure(.usage, refusal) }
    }
}
