// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import rbdctl

@Suite(.timeLimit(.minutes(5)))
struct UnknownCommandTests {
    private func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }

    @Test(arguments: [
        ("img list", "rbdctl image list"),
        ("imgae list rbd", "rbdctl image list"),
        ("images ls", "rbdctl image list"),
        ("image snapshot create rbd/v@s", "rbdctl snapshot create"),
        ("image snap create rbd/v@s", "rbdctl snapshot create"),
        ("image lst rbd", "rbdctl image list"),
        ("image remove rbd/v", "rbdctl image delete"),
        ("create image rbd/v --size 1GiB", "rbdctl image create"),
        ("list pools", "rbdctl pool list"),
        ("resize rbd/v 2GiB", "rbdctl image resize"),
        ("pool resize rbd", "rbdctl image resize"),
        ("--server http://a:1 img list", "rbdctl image list"),
        ("group image create g v", "rbdctl group image add"),
        ("image lock braek v client.1", "rbdctl image lock break"),
        ("context add prod", "rbdctl context set"),
    ])
    func theNearestIsSuggested(line: String, command: String) throws {
        let error = #expect(throws: Failure.self) { _ = try Rbdctl.command(for: words(line)) }
        let failure = try #require(error)
        #expect(failure.status == .usage)
        #expect(failure.detail.hasPrefix("there is no command \"rbdctl "))
        #expect(failure.hint == "did you mean \(command)?")
    }

    @Test func ifNothingIsNearTheHelpIsNamed() {
        for line in ["pool frobnicate", "pool frobnicate x"] {
            let error = #expect(throws: Failure.self) { _ = try Rbdctl.command(for: words(line)) }
            #expect(error?.detail == "there is no command \"rbdctl pool frobnicate\"")
            #expect(error?.hint == "rbdctl pool --help lists the commands")
        }
        // Too many commands have a subcommand of that name.
        #expect(UnknownCommand(in: ["list"])?.suggestions.isEmpty == true)
    }

    /// In these cases, only the arguments are wrong, and the argument parser reports that.
    @Test(arguments: ["image list a b", "pool list --sever x", "image create v", "explain", "snapshot limit v many"])
    func commandsThatExistAreLeftToTheParser(line: String) {
        #expect(UnknownCommand(in: words(line)) == nil)
        let error = #expect(throws: (any Error).self) { _ = try Rbdctl.command(for: words(line)) }
        #expect(!(error is Failure))
    }

    @Test(arguments: ["", "pool", "image lock", "help image", "image --help"])
    func helpIsNoError(line: String) async {
        let error = await #expect(throws: (any Error).self) { try await Rbdctl.run(words(line)) }
        #expect(error.map { Rbdctl.ending(of: $0).status } == .success)
    }
}
