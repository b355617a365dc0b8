// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Kubernetes

/// Candidates, a Lease between them, and a clock. Only the decisions are real.
private struct Contest {
    struct Candidate {
        var election: LeaderElection
        /// The error of the candidate's clock, which must not matter.
        var clockError: Int64
    }

    var now = ContinuousClock.now
    var candidates: [String: Candidate] = [:]
    var lease: Lease?

    mutating func add(_ name: String, clockError: Int64 = 0) {
        let election = LeaderElection(identity: name, timing: LeaseTiming())
        candidates[name] = Candidate(election: election, clockError: clockError)
    }

    /// The seconds by the system's clock, which runs on with the other one.
    private var seconds: Int64 = 1_700_000_000

    mutating func wait(_ seconds: Int) {
        now += .seconds(seconds)
        self.seconds += Int64(seconds)
    }

    func isLeader(_ name: String) -> Bool { candidates[name]?.election.isLeader(at: now) ?? false }

    func terms(_ name: String) -> UInt64 { candidates[name]?.election.terms ?? 0 }

    /// One attempt of a candidate. Another one's write between its reading and its writing is a conflict.
    mutating func attempt(_ name: String, isAnswerLost: Bool = false) {
        guard var candidate = candidates[name] else { return }
        let time = KubernetesTime(microseconds: (seconds + candidate.clockError) * 1_000_000)
        let step = candidate.election.step(lease, in: "n", named: "l", at: now, time: time)
        switch step {
        case .wait: break
        case .create(let new), .update(let new):
            lease = new
            if !isAnswerLost { candidate.election.succeeded(new, start: now) }
        }
        candidates[name] = candidate
    }

    mutating func release(_ name: String) {
        if let free = candidates[name]?.election.release(at: now, time: KubernetesTime(microseconds: 0)) {
            lease = free
        }
    }
}

@Suite struct LeaderElectionTests {
    private func contest() -> Contest {
        var contest = Contest()
        contest.add("a")
        contest.add("b", clockError: 86_400)
        return contest
    }

    @Test func theFirstOneCreatesTheLease() {
        var contest = contest()
        contest.attempt("a")
        contest.attempt("b")
        #expect(contest.isLeader("a"))
        #expect(!contest.isLeader("b"))
        #expect(contest.lease?.holder == "a")
        #expect(contest.lease?.durationSeconds == 15)
        #expect(contest.lease?.transitions == 0)
    }

    @Test func aLeaderThatRenewsStaysLeader() {
        var contest = contest()
        for _ in 0..<100 {
            contest.attempt("a")
            contest.attempt("b")
            #expect(contest.isLeader("a") && !contest.isLeader("b"))
            contest.wait(2)
        }
        #expect(contest.lease?.transitions == 0)
    }

    @Test func aSilentLeaderStopsBeforeAnotherOneStarts() {
        var contest = contest()
        contest.attempt("a")
        contest.attempt("b")
        contest.wait(9)
        #expect(contest.isLeader("a"))
        contest.wait(1)
        #expect(!contest.isLeader("a"))
        contest.wait(4)
        contest.attempt("b")
        #expect(!contest.isLeader("b"))
        contest.wait(1)
        contest.attempt("b")
        #expect(contest.isLeader("b"))
        #expect(contest.lease?.transitions == 1)
        contest.attempt("a")
        #expect(!contest.isLeader("a"))
        #expect(contest.lease?.holder == "b")
    }

    @Test func aNewcomerWaitsFromItsOwnFirstLook() {
        var contest = contest()
        contest.attempt("a")
        contest.wait(1000)
        contest.attempt("b")
        #expect(!contest.isLeader("b"))
        contest.wait(15)
        contest.attempt("b")
        #expect(contest.isLeader("b"))
    }

    @Test func aReleasedLeaseIsFreeAtOnce() {
        var contest = contest()
        contest.attempt("a")
        contest.release("a")
        #expect(!contest.isLeader("a"))
        contest.attempt("b")
        #expect(contest.isLeader("b"))
    }

    @Test func onlyALeaderReleasesTheLease() {
        var contest = contest()
        contest.attempt("a")
        contest.attempt("b")
        contest.release("b")
        #expect(contest.lease?.holder == "a")
        contest.wait(11)
        contest.release("a")
        #expect(contest.lease?.holder == "a")
    }

    @Test func aRenewalWithoutAnAnswerDoesNotCount() {
        var contest = contest()
        contest.attempt("a")
        contest.wait(8)
        contest.attempt("a", isAnswerLost: true)
        contest.wait(3)
        #expect(!contest.isLeader("a"))
        // The Lease has its name, so it goes on with it.
        contest.attempt("a")
        #expect(contest.isLeader("a"))
        #expect(contest.lease?.transitions == 0)
    }

    @Test func aLeaderThatSeesAnotherHolderStopsAtOnce() {
        var contest = contest()
        contest.attempt("a")
        contest.lease?.holder = "c"
        contest.attempt("a")
        #expect(!contest.isLeader("a"))
    }

    /// What the first term has in memory may be out of date then.
    @Test func aLeaderAfterAnotherOneBeginsANewTerm() {
        var contest = contest()
        contest.attempt("a")
        contest.wait(2)
        contest.attempt("a")
        #expect(contest.terms("a") == 1)
        // It was stopped, but nobody else was leader.
        contest.wait(60)
        contest.attempt("a")
        #expect(contest.isLeader("a"))
        #expect(contest.terms("a") == 1)
        // It was stopped, and another one was leader meanwhile, but is not any more.
        contest.attempt("b")
        contest.wait(15)
        contest.attempt("b")
        #expect(contest.terms("b") == 1)
        contest.release("b")
        contest.attempt("a")
        #expect(contest.isLeader("a"))
        #expect(contest.terms("a") == 2)
    }

    @Test func aDeletedLeaseIsCreatedAgain() {
        var contest = contest()
        contest.attempt("a")
        contest.lease = nil
        contest.wait(2)
        contest.attempt("a")
        #expect(contest.isLeader("a"))
        #expect(contest.lease?.holder == "a")
    }
}
