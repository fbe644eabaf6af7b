//! One copy of what many objects carry. A crowded cluster has thousands of pods, but few distinct sets of labels.

use std::collections::BTreeSet;

use crate::model::labels::Labels;
use crate::port::{KubeEvent, KubeObject};

/// So many sets are kept before unused ones are looked for.
const FEW: usize = 256;

/// The sets of labels that are in use, and at most as many that no longer are.
#[derive(Debug, Clone)]
pub struct LabelPool {
    known: BTreeSet<Labels>,
    /// How many sets there may be before the unused ones go.
    bound: usize,
}

impl Default for LabelPool {
    fn default() -> Self {
        Self {
            known: BTreeSet::new(),
            bound: FEW,
        }
    }
}

impl LabelPool {
    /// Lets the objects of an event share their labels with those that came before.
    pub fn share(&mut self, event: &mut KubeEvent) {
        match event {
            KubeEvent::Apply(_, object) => self.share_one(object),
            KubeEvent::Replace { objects, .. } => objects.iter_mut().for_each(|(_, object)| self.share_one(object)),
            KubeEvent::Delete(..) => {}
        }
    }

    fn share_one(&mut self, object: &mut KubeObject) {
        let Some(labels) = object.labels_mut() else { return };
        if let Some(known) = self.known.get(labels) {
            *labels = known.clone();
            return;
        }
        if self.known.len() >= self.bound {
            self.known.retain(|known| !known.is_only_copy());
            self.bound = FEW.max(2 * self.known.len());
        }
        self.known.insert(labels.clone());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::ObjectKey;
    use crate::model::example::{name, pod};

    fn apply(pool: &mut LabelPool, value: &str) -> Labels {
        let mut pod = pod(&name(1));
        pod.labels = [("app".into(), value.into())].into_iter().collect();
        let mut event = KubeEvent::Apply(ObjectKey::new("a", "b"), Box::new(KubeObject::Pod(pod)));
        pool.share(&mut event);
        let KubeEvent::Apply(_, mut object) = event else {
            unreachable!()
        };
        object.labels_mut().unwrap().clone()
    }

    #[test]
    fn equal_labels_are_one_copy() {
        let mut pool = LabelPool::default();
        let (first, second, other) = (
            apply(&mut pool, "web"),
            apply(&mut pool, "web"),
            apply(&mut pool, "worker"),
        );
        assert!(first.is_same(&second) && !first.is_same(&other));
        assert_eq!(other.get("app"), Some(&"worker".into()));
    }

    #[test]
    fn labels_that_come_and_go_do_not_pile_up() {
        let mut pool = LabelPool::default();
        let kept = apply(&mut pool, "web");
        for number in 0..10 * FEW {
            apply(&mut pool, &number.to_string());
        }
        assert!(pool.known.len() <= FEW);
        assert!(kept.is_same(&apply(&mut pool, "web")));
    }
}
