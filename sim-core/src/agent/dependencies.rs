//! `dependsOn`: which containers of a task wait for which, and whether ECS would accept it.

/// What a container waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `START`: the other one has started.
    Start,
    /// `COMPLETE`: the other one has ended, however it did.
    Complete,
    /// `SUCCESS`: the other one has ended with exit code 0.
    Success,
    /// `HEALTHY`: the other one passes its health check.
    Healthy,
}

/// One entry of `dependsOn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Position of the container that is waited for.
    pub container: usize,
    /// Until when.
    pub condition: Condition,
}

/// Why ECS refuses a set of dependencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DependencyError {
    /// The containers at these positions wait for each other.
    Cycle(Vec<usize>),
    /// `container` waits for the end of an essential one, whose end stops the task.
    EndOfEssential {
        /// Who waits.
        container: usize,
        /// Position in its `dependsOn`.
        entry: usize,
    },
    /// `container` waits for the health of one that has no health check.
    NoHealthCheck {
        /// Who waits.
        container: usize,
        /// Position in its `dependsOn`.
        entry: usize,
    },
}

/// An order in which every container comes after those it waits for; the first in document order goes
/// first. The error lists the containers that wait for each other.
///
/// # Errors
/// There is a cycle.
pub fn start_order<'d>(
    n_containers: usize,
    depends_on: impl Fn(usize) -> &'d [Dependency],
) -> Result<Vec<usize>, Vec<usize>> {
    let mut order = Vec::with_capacity(n_containers);
    let mut left: Vec<usize> = (0..n_containers).collect();
    while !left.is_empty() {
        let ready = |it: &usize| depends_on(*it).iter().all(|on| order.contains(&on.container));
        let Some(position) = left.iter().position(ready) else { break };
        order.push(left.remove(position));
    }
    if left.is_empty() {
        return Ok(order);
    }
    // What only waits for a member of the cycle is none itself: nobody who is left waits for it.
    loop {
        let waited_for = |it: &usize| {
            left.iter().any(|other| depends_on(*other).iter().any(|on| on.container == *it))
        };
        let Some(position) = left.iter().position(|it| !waited_for(it)) else { return Err(left) };
        left.remove(position);
    }
}

/// Everything that ECS refuses about the dependencies of a task's containers.
pub fn check_dependencies<'d>(
    n_containers: usize,
    depends_on: impl Fn(usize) -> &'d [Dependency],
    is_essential: impl Fn(usize) -> bool,
    has_health_check: impl Fn(usize) -> bool,
) -> Vec<DependencyError> {
    let mut errors = Vec::new();
    for container in 0..n_containers {
        for (entry, on) in depends_on(container).iter().enumerate() {
            match on.condition {
                Condition::Complete | Condition::Success if is_essential(on.container) => {
                    errors.push(DependencyError::EndOfEssential { container, entry });
                }
                Condition::Healthy if !has_health_check(on.container) => {
                    errors.push(DependencyError::NoHealthCheck { container, entry });
                }
                _ => {}
            }
        }
    }
    if let Err(cycle) = start_order(n_containers, depends_on) {
        errors.push(DependencyError::Cycle(cycle));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(container: usize, condition: Condition) -> Dependency {
        Dependency { container, condition }
    }

    #[test]
    fn containers_start_after_those_they_wait_for() {
        let depends = [
            vec![on(2, Condition::Start), on(1, Condition::Start)],
            vec![],
            vec![on(1, Condition::Start)],
        ];
        assert_eq!(start_order(3, |it| &depends[it][..]), Ok(vec![1, 2, 0]));
        assert_eq!(start_order(3, |_| &[][..]), Ok(vec![0, 1, 2]), "document order");
    }

    #[test]
    fn a_cycle_names_its_members_only() {
        // 0 -> 1 -> 2 -> 1, and 3 waits for nobody.
        let depends = [
            vec![on(1, Condition::Start)],
            vec![on(2, Condition::Start)],
            vec![on(1, Condition::Start)],
            vec![],
        ];
        assert_eq!(start_order(4, |it| &depends[it][..]), Err(vec![1, 2]));
        let itself = [vec![on(0, Condition::Start)]];
        assert_eq!(start_order(1, |it| &itself[it][..]), Err(vec![0]));
    }

    #[test]
    fn conditions_that_cannot_hold_are_refused() {
        let depends = [
            vec![on(1, Condition::Complete), on(1, Condition::Start)],
            vec![on(2, Condition::Healthy)],
            vec![],
        ];
        let errors = check_dependencies(3, |it| &depends[it][..], |it| it == 1, |_| false);
        let expected = [
            DependencyError::EndOfEssential { container: 0, entry: 0 },
            DependencyError::NoHealthCheck { container: 1, entry: 0 },
        ];
        assert_eq!(errors, expected);
        assert_eq!(check_dependencies(3, |it| &depends[it][..], |_| false, |_| true), []);
    }
}
