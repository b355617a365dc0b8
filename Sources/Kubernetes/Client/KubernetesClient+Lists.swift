// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP1

extension KubernetesClient {
    /// The number of objects per page; also the default of Kubernetes' own clients.
    public static let defaultPageSize = 500

    /// Lists objects, page by page. All pages show the same moment. If the moment is too old for the API server before
    /// the last page, the whole list is read at once.
    /// - Parameters:
    ///   - timeLimit: of each page.
    ///   - keep: the part of an object that is kept, so that a long list does not take the memory of whole objects.
    ///   - onPage: called after each page.
    /// - Throws: ``KubernetesError``, `CancellationError`.
    public func list<Object: KubernetesObject>(
        _ type: Object.Type = Object.self,
        _ selection: Selection = Selection(),
        pageSize: Int = defaultPageSize,
        timeLimit: Duration = defaultTimeLimit,
        keeping keep: @Sendable (Object) -> Object = { $0 },
        onPage: @Sendable () -> Void = {}
    ) async throws -> ObjectList<Object> {
        var list: ObjectList<Object> = try await self.page(selection, limit: pageSize, timeLimit: timeLimit)
        list.items = list.items.map(keep)
        onPage()
        while let next = list.next {
            do {
                let page: ObjectList<Object> = try await self.page(
                    selection,
                    limit: pageSize,
                    continuing: next,
                    timeLimit: timeLimit
                )
                list.items += page.items.map(keep)
                list.next = page.next
                onPage()
            } catch let error as KubernetesError where error.isExpired {
                list = try await self.page(selection, limit: nil, timeLimit: timeLimit)
                list.items = list.items.map(keep)
                onPage()
            }
        }
        return list
    }

    /// Reads one page of a list.
    /// - Parameters:
    ///   - limit: the number of objects; nil for all of them.
    ///   - token: from the previous page; nil for the first one.
    /// - Throws: ``KubernetesError``, such as `Expired` for an old token; `CancellationError`.
    public func page<Object: KubernetesObject>(
        _ selection: Selection = Selection(),
        limit: Int?,
        continuing token: String? = nil,
        timeLimit: Duration = defaultTimeLimit
    ) async throws -> ObjectList<Object> {
        let query = selection.query + [("limit", limit.map { String($0) }), ("continue", token)]
        let path = Object.resource.path(namespace: selection.namespace)
        let answer = try await send(Call(method: .GET, path: path, query: query, timeLimit: timeLimit))
        guard answer[string: "kind"] == "\(Object.resource.kind)List" else {
            let message =
                "the answer is not a \(Object.resource.kind)List, but \(answer[string: "kind"] ?? "something else")"
            throw KubernetesError(.invalidAnswer, message: message)
        }
        let metadata = answer[object: "metadata"]
        return ObjectList(
            items: answer[objects: "items"].map { Object(json: $0) },
            resourceVersion: metadata[string: "resourceVersion"] ?? "",
            next: metadata[string: "continue"].flatMap { $0.isEmpty ? nil : $0 }
        )
    }

    /// Watches objects until the API server ends the watch.
    /// - Parameters:
    ///   - version: the version after which the changes are told.
    ///   - limit: how long the API server keeps the watch.
    ///   - idleLimit: how long the watch may be silent. API servers send a bookmark each minute.
    ///   - onContact: called whenever something arrives.
    /// - Throws: ``KubernetesError``, such as `Expired` for an old version; `CancellationError`; what `onEvent` throws.
    func watch<Object: KubernetesObject>(
        _ type: Object.Type,
        _ selection: Selection,
        after version: String,
        limit: Duration,
        idleLimit: Duration,
        onContact: @escaping @Sendable () -> Void,
        onEvent: @escaping @Sendable (WatchEvent<Object>) throws -> Void
    ) async throws {
        let query: [(name: String, value: String?)] = [
            ("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", version),
            ("timeoutSeconds", String(limit.components.seconds)),
        ]
        let call = Call(
            method: .GET,
            path: Object.resource.path(namespace: selection.namespace),
            query: selection.query + query,
            // The API server ends the watch itself, unless the connection is dead.
            timeLimit: limit + .seconds(30)
        )
        let lines = WatchLines()
        try await stream(call, idleLimit: idleLimit) { buffer in
            onContact()
            for line in try lines.append(Array(buffer.readableBytesView)) {
                try onEvent(WatchEvent(parsing: line))
            }
        }
    }
}
