// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import HTTPTypes
import Hummingbird
import NIOCore
import RBDAPI

/// Writes every change and every refused request to the audit log before it is answered.
struct AuditMiddleware: RouterMiddleware {
    let log: AuditLog
    let endpoints: EndpointTable

    func handle(_ request: Request, context: ServiceRequestContext, next: Next) async throws -> Response {
        guard log.isOn, let path = context.endpointPath, let endpoint = endpoints.endpoint(request.method, path),
            endpoint.canBeAudited
        else {
            return try await next(request, context)
        }
        let query = Query(request)
        // Handlers treat a request as a dry run by the same rule.
        let isMutation = endpoint.isAudited && query.values(of: "dryRun") != ["true"]
        let notes = AuditNotes(log: log, isMutation: isMutation)
        let start = ContinuousClock.now
        func ended(_ status: Int) async {
            let gathered = notes.gathered
            // A path with empty parts belongs to no route, even if the router has matched one.
            let isRouted = context.endpointPath != nil || gathered.isAdmitted
            let isRefused = status == 401 || status == 403 || gathered.isRefused
            guard isRouted, gathered.isMutation || isRefused else { return }
            var line = Self.line(request, context, endpoint, query, status: status, gathered)
            line.duration = .now - start
            line.requestID = context.requestID
            line.peer = await context.auditPeer
            await log.record(line, isAdmitted: gathered.isAdmitted, by: gathered.deadline)
        }
        do {
            let response = try await AuditNotes.$current.withValue(notes) { try await next(request, context) }
            await ended(response.status.code)
            return response
        } catch {
            await ended(500)
            throw error
        }
    }

    private static func line(
        _ request: Request,
        _ context: ServiceRequestContext,
        _ endpoint: Endpoint,
        _ query: Query,
        status: Int,
        _ gathered: AuditNotes.State
    ) -> AuditLine {
        let notes = RequestNotes.current?.audited
        var name: String?
        if case .members(let members) = gathered.body, case .text(let text) = members["name"] { name = text }
        let object = AuditObject(
            endpoint.path,
            names: context.parameters.map { ("\($0.key)", "\($0.value)") },
            namespace: query["namespace"],
            name: request.method == .post ? name : nil
        )
        var parameters = object.others.mapValues(AuditValue.text).merging(gathered.parameters) { $1 }
        for name in endpoint.auditedParameters {
            if let value = query[name] { parameters[name] = .text(value) }
        }
        if let body = gathered.body { parameters["body"] = body }
        let isRefused = status == 401 || status == 403 || gathered.isRefused
        // An admission review is answered with 200, whatever its verdict.
        let isSuccess = status < 400 && notes?.code == nil
        return AuditLine(
            identity: notes?.identity,
            verb: gathered.verb ?? endpoint.rule.verb,
            method: request.method.rawValue,
            route: endpoint.path,
            object: gathered.object ?? object.text,
            parameters: parameters,
            outcome: isRefused ? .refused : status == 202 ? .accepted : isSuccess ? .succeeded : .failed,
            status: status,
            code: notes?.code,
            errno: notes?.errno,
            duration: .zero,
            operations: gathered.operations,
            before: gathered.before,
            after: gathered.after
        )
    }
}

extension ServiceRequestContext {
    fileprivate var auditPeer: AuditPeer? {
        get async {
            guard channel.localAddress?.protocol == .unix else {
                return channel.remoteAddress?.hostAndPort.map { AuditPeer(address: $0) }
            }
            var peer = AuditPeer(address: "unix")
            if let options = channel as? any SocketOptionProvider,
                let process: clinux_ucred = try? await options.unsafeGetSocketOption(
                    level: .socket,
                    name: NIOBSDSocket.Option(rawValue: SO_PEERCRED)
                ).get()
            {
                (peer.uid, peer.pid) = (process.uid, process.pid)
            }
            return peer
        }
    }
}
