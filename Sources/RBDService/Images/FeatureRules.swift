// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// How the features of an existing image are enabled and disabled.
enum FeatureRules {
    /// The features to disable and to enable, including their dependents and requirements.
    /// - Throws: `Problem` with `invalid-features`.
    static func changes(
        _ request: UpdateImageRequest,
        of image: ImageInfo
    ) throws(Problem) -> (disabled: ImageFeatures, enabled: ImageFeatures) {
        let asked = try features(request.enableFeatures, field: "enableFeatures", among: .enableable)
        let unwanted = try features(request.disableFeatures, field: "disableFeatures", among: .disableable)
        let (enabled, disabled) = (withNeeds(asked), withDependents(unwanted))
        let both = enabled.intersection(disabled)
        guard both.isEmpty else {
            throw Problem(
                .invalidFeatures,
                "disableFeatures",
                "\(both.names.joined(separator: ", ")) is required by enableFeatures",
                hint: "do not enable a feature and disable one that it needs in the same request"
            )
        }
        // Another cluster may mirror the image by its journal.
        if image.features.intersection(disabled).contains(.journaling), !unwanted.contains(.journaling) {
            throw Problem(
                .invalidFeatures,
                "disableFeatures",
                "the image has journaling, which needs exclusive-lock",
                hint: "name journaling too, to confirm that it is disabled"
            )
        }
        return (image.features.intersection(disabled), enabled.subtracting(image.features))
    }

    private static func features(
        _ names: [String]?,
        field: String,
        among known: ImageFeatures
    ) throws(Problem) -> ImageFeatures {
        try ImageFeatures.named(names ?? [], among: known) { name, hint in
            Problem(
                .invalidFeatures,
                field,
                "the feature \"\(name)\" of an existing image can't be changed",
                hint: hint
            )
        }
    }

    private static func withNeeds(_ features: ImageFeatures) -> ImageFeatures {
        var all = features
        // In reverse order, because a requirement may have requirements itself.
        for (feature, needs) in ImageFeatures.requirements.reversed() where all.contains(feature) {
            all.formUnion(needs)
        }
        return all
    }

    private static func withDependents(_ features: ImageFeatures) -> ImageFeatures {
        var all = features
        for (feature, needs) in ImageFeatures.requirements where !all.isDisjoint(with: needs) { all.insert(feature) }
        return all
    }
}

extension ImageFeatures {
    /// - Parameter refusal: the problem of a name that is not known. It gets the name, shortened, and a hint.
    static func named(
        _ names: [String],
        among known: ImageFeatures,
        refusal: (_ name: Substring, _ hint: String) -> Problem
    ) throws(Problem) -> ImageFeatures {
        var features: ImageFeatures = []
        for name in names {
            guard let feature = ImageFeatures(named: name), known.contains(feature) else {
                throw refusal(name.prefix(40), "use one of \(known.names.joined(separator: ", "))")
            }
            features.insert(feature)
        }
        return features
    }
}
