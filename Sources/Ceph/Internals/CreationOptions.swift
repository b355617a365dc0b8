// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD

/// Owns a `rbd_image_options_t` for the duration of one call.
struct CreationOptions: ~Copyable {
    let pointer: rbd_image_options_t
    private let resource: CephError.Resource

    /// - Throws: `CephError` with `.other` if there is not enough memory.
    init(for resource: CephError.Resource) throws(CephError) {
        var pointer: rbd_image_options_t?
        rbd_image_options_create(&pointer)
        guard let pointer else { throw CephError(.other, .createImage, on: resource, detail: "out of memory") }
        self.pointer = pointer
        self.resource = resource
    }

    deinit {
        rbd_image_options_destroy(pointer)
    }

    /// Sets all options that are not nil.
    /// - Throws: `CephError` with `.invalidImageOption`.
    /// - C function: rbd_image_options_set_uint64, rbd_image_options_set_string
    func set(_ options: ImageOptions) throws(CephError) {
        try set(RBD_IMAGE_OPTION_FEATURES, to: options.features?.rawValue)
        try set(RBD_IMAGE_OPTION_ORDER, to: options.objectOrder.map(UInt64.init))
        try set(RBD_IMAGE_OPTION_STRIPE_UNIT, to: options.stripeUnitBytes)
        try set(RBD_IMAGE_OPTION_STRIPE_COUNT, to: options.stripeCount)
        if let dataPool = options.dataPool {
            let result = rbd_image_options_set_string(pointer, CInt(RBD_IMAGE_OPTION_DATA_POOL), dataPool)
            try check(result, .createImage, on: resource)
        }
    }

    func set(_ option: Int, to value: UInt64?) throws(CephError) {
        guard let value else { return }
        try check(rbd_image_options_set_uint64(pointer, CInt(option), value), .createImage, on: resource)
    }
}
