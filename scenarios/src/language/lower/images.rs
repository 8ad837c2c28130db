//! Images, their layers, and which task pulls which.

use std::cell::Cell;

use plimsoll_core::agent::Image;
use plimsoll_core::units::{Id, IdVec, ImageId, LayerId};

use super::Context;
use crate::language::raw::ScenarioDocument;
use crate::language::raw::task_definition as raw;
use crate::language::tree::Path;

/// Image size of a definition that gives none.
const DEFAULT_IMAGE_BYTES: u64 = 200_000_000;

/// All images of a scenario: the listed ones, then one for each set of images that is not.
pub(super) struct Images {
    all: IdVec<ImageId, Image>,
    layers: Vec<(String, u64)>,
    listed: usize,
    used: Vec<Cell<bool>>,
}

impl Images {
    pub(super) fn lower(context: &Context<'_>, document: &ScenarioDocument) -> Self {
        let path = Path::root().key("images");
        let mut images =
            Self { all: IdVec::new(), layers: Vec::new(), listed: 0, used: Vec::new() };
        for (index, raw) in document.images.iter().enumerate() {
            let path = path.index(index);
            if images.position(&raw.image).is_some() {
                context.duplicate(&path.key("image"), "images", &raw.image);
            }
            let layers = match (raw.size, raw.layers.is_empty()) {
                (Some(size), true) => vec![images.own_layer(size.0)],
                (None, false) => {
                    let layers = raw.layers.iter().enumerate();
                    layers
                        .map(|(index, layer)| {
                            let path = path.key("layers").index(index);
                            images.layer(context, &path, &layer.name, layer.size.0)
                        })
                        .collect()
                }
                _ => {
                    context.error(&path, "needs exactly one of `size`, `layers`");
                    Vec::new()
                }
            };
            let name = raw.image.clone();
            images.all.push(Image { name, layers, soci_index: raw.soci_index });
            images.used.push(Cell::new(false));
            images.listed += 1;
        }
        images
    }

    /// Images that a task pulls; `None` if something was refused.
    pub(super) fn of(
        &mut self,
        context: &Context<'_>,
        path: &Path,
        raw: &raw::TaskDefinition,
    ) -> Option<Vec<ImageId>> {
        let mut wanted: Vec<ImageId> = Vec::new();
        let mut others: Vec<&str> = Vec::new();
        let mut all_listed = true;
        for container in &raw.container_definitions {
            let listed = container.image.as_deref().and_then(|name| self.position(name));
            if let Some(index) = listed {
                self.used[index].set(true);
                wanted.push(ImageId::from_index(index));
            } else {
                all_listed = false;
                others.extend(container.image.as_deref());
            }
        }
        if raw.pull_time.is_some() {
            return Some(Vec::new());
        }
        if all_listed && raw.image_size.is_some() {
            let message = "all images of the task are listed under `images`, with their sizes";
            context.error(&path.key("imageSize"), message);
            return None;
        }
        if !all_listed {
            let bytes = raw.image_size.map_or(DEFAULT_IMAGE_BYTES, |size| size.0);
            others.sort_unstable();
            others.dedup();
            let name = if others.is_empty() { raw.family.clone() } else { others.join(" + ") };
            wanted.push(self.unlisted(name, bytes));
        }
        wanted.sort_unstable();
        wanted.dedup();
        Some(wanted)
    }

    /// The image that stands for those that are not listed; of one name and size there is one.
    fn unlisted(&mut self, name: String, bytes: u64) -> ImageId {
        let same = |image: &Image| image.name == name && image.bytes() == bytes;
        let known = self.all.iter().skip(self.listed).position(same);
        if let Some(position) = known {
            return ImageId::from_index(self.listed + position);
        }
        let layers = vec![self.own_layer(bytes)];
        self.all.push(Image { name, layers, soci_index: false })
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.all.iter().take(self.listed).position(|image| image.name == name)
    }

    fn own_layer(&mut self, bytes: u64) -> (LayerId, u64) {
        self.layers.push((String::new(), bytes));
        (LayerId::from_index(self.layers.len() - 1), bytes)
    }

    fn layer(
        &mut self,
        context: &Context<'_>,
        path: &Path,
        name: &str,
        bytes: u64,
    ) -> (LayerId, u64) {
        if let Some(index) = self.layers.iter().position(|(known, _)| known == name) {
            let known = self.layers[index].1;
            if known != bytes {
                let name = crate::language::tree::shorten(name);
                let message = format!("layer `{name}` has {known} bytes elsewhere");
                context.error(&path.key("size"), message);
            }
            return (LayerId::from_index(index), known);
        }
        self.layers.push((name.to_owned(), bytes));
        (LayerId::from_index(self.layers.len() - 1), bytes)
    }

    /// Remarks on images that no task pulls.
    pub(super) fn report_unused(&self, context: &Context<'_>) {
        for (index, used) in self.used.iter().enumerate() {
            if !used.get() {
                let path = Path::root().key("images").index(index).key("image");
                let name = &self.all[ImageId::from_index(index)].name;
                context.note(&path, format!("no container uses image `{name}`"));
            }
        }
    }

    pub(super) fn into_images(self) -> IdVec<ImageId, Image> {
        self.all
    }
}
