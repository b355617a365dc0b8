// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOHTTP1

extension KubernetesClient {
    /// Reads an object.
    /// - Throws: ``KubernetesError``, `CancellationError`.
    public func get<Object: KubernetesObject>(
        _ type: Object.Type = Object.self,
        named name: String,
        in namespace: String? = nil,
        timeLimit: Duration = defaultTimeLimit
    ) async throws -> Object {
        let path = Object.resource.path(namespace: namespace, name: name)
        return Object(json: try await send(Call(method: .GET, path: path, timeLimit: timeLimit)))
    }

    /// Creates an object.
    /// - Returns: the object as the API server stores it.
    /// - Throws: ``KubernetesError``, such as `AlreadyExists`; `CancellationError`.
    public func create<Object: KubernetesObject>(
        _ object: Object,
        _ options: WriteOptions = WriteOptions()
    ) async throws -> Object {
        let path = Object.resource.path(namespace: object.metadata.namespace)
        return try await write(.POST, path, .object(object.complete), options)
    }

    /// Replaces an object. If the object has a `resourceVersion`, it must be the current one.
    /// - Parameter subresource: such as `status`: only that part is replaced.
    /// - Returns: the object as the API server stores it.
    /// - Throws: ``KubernetesError``, such as `Conflict` if the object has changed meanwhile; `CancellationError`.
    public func update<Object: KubernetesObject>(
        _ object: Object,
        subresource: String? = nil,
        _ options: WriteOptions = WriteOptions()
    ) async throws -> Object {
        let metadata = object.metadata
        let path = Object.resource.path(
            namespace: metadata.namespace,
            name: metadata.name,
            subresource: subresource
        )
        return try await write(.PUT, path, .object(object.complete), options)
    }

    /// Changes a part of an object. If the patch has `metadata.resourceVersion`, it must be the current one.
    /// - Parameter subresource: such as `status`: only that part is changed.
    /// - Returns: the object as the API server stores it.
    /// - Throws: ``KubernetesError``, `CancellationError`.
    public func patch<Object: KubernetesObject>(
        _ type: Object.Type = Object.self,
        named name: String,
        in namespace: String? = nil,
        subresource: String? = nil,
        with patch: Patch,
        _ options: WriteOptions = WriteOptions()
    ) async throws -> Object {
        let path = Object.resource.path(namespace: namespace, name: name, subresource: subresource)
        return try await write(.PATCH, path, patch.body, options, contentType: patch.contentType)
    }

    /// Requests the deletion of an object. It exists until its finalizers are gone.
    /// - Throws: ``KubernetesError``, such as `NotFound`, or `Conflict` for the preconditions; `CancellationError`.
    public func delete<Object: KubernetesObject>(
        _ type: Object.Type,
        named name: String,
        in namespace: String? = nil,
        preconditions: Preconditions = Preconditions(),
        _ options: WriteOptions = WriteOptions()
    ) async throws {
        var body: JSONObject = ["kind": "DeleteOptions", "apiVersion": "v1"]
        var required = JSONObject()
        required[string: "uid"] = preconditions.uid
        required[string: "resourceVersion"] = preconditions.resourceVersion
        body[object: "preconditions"] = required
        let path = Object.resource.path(namespace: namespace, name: name)
        let query = options.isDryRun ? [(name: "dryRun", value: Optional("All"))] : []
        let call = Call(method: .DELETE, path: path, query: query, body: .object(body), timeLimit: options.timeLimit)
        _ = try await send(call)
    }

    private func write<Object: KubernetesObject>(
        _ method: HTTPMethod,
        _ path: [String],
        _ body: JSONValue,
        _ options: WriteOptions,
        contentType: String = "application/json"
    ) async throws -> Object {
        let call = Call(
            method: method,
            path: path,
            query: options.query,
            body: body,
            contentType: contentType,
            timeLimit: options.timeLimit
        )
        return Object(json: try await send(call))
    }
}
