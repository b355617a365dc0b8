// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

struct ImageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image",
        abstract: "Images, which are block devices.",
        subcommands: [
            ImageList.self, ImageGet.self, ImageCreate.self, ImageDelete.self, ImageCopy.self, ImageFlatten.self,
            ImageSparsify.self, ImageUsageCommand.self, ImageRebuildObjectMap.self,
            ImageList.self, ImageGet.self, ImageCreate.self, ImageClone.self, ImageDelete.self,
            ImageChildrenCommand.self,
            ImageAncestorsCommand.self,
            ImageLockCommand.self, ImageWatcherCommand.self,
        ]
    )
}
