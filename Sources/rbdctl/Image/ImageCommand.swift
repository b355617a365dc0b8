// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

struct ImageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image",
        abstract: "Images, which are block devices.",
        subcommands: [
            ImageList.self, ImageGet.self, ImageCreate.self, ImageClone.self, ImageDelete.self, ImageResize.self,
            ImageRename.self, ImageFeature.self, ImageMetadata.self, ImageQoSCommand.self, ImageCopy.self,
            ImageFlatten.self, ImageSparsify.self, ImageRebuildObjectMap.self, ImageUsageCommand.self,
            ImageChildrenCommand.self, ImageAncestorsCommand.self,
            ImageLockCommand.self, ImageWatcherCommand.self,
        ]
    )
}
