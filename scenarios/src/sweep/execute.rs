//! Runs the units of a sweep in parallel, in an order that nobody can tell afterwards.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

/// What a sweep runs: `points` × `replications` units on `jobs` threads.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Number of points.
    pub points: usize,
    /// Replications of each.
    pub replications: u32,
    /// Threads; `None` for one per core.
    pub jobs: Option<usize>,
}

/// Resolves each point once with `resolve`, runs `unit` on every (point, replication), and returns
/// the results sorted by point and replication, whatever thread finished first.
///
/// A point's resolved value lives from its first unit to its last, so that memory holds about as many
/// of them as there are threads. `finished` is told how many units are done.
///
/// # Errors
/// That of the first unit, in the order of the results, which failed.
pub fn execute<S, T, E>(
    plan: Plan,
    resolve: impl Fn(usize) -> Result<S, E> + Sync,
    unit: impl Fn(&S, usize, u32) -> Result<T, E> + Sync,
    finished: impl Fn(usize) + Sync,
) -> Result<Vec<T>, Error<E>>
where
    S: Send + Sync,
    T: Send,
    E: Send,
{
    let pool = pool(plan.jobs).map_err(Error::Threads)?;
    let replications = plan.replications as usize;
    let cache: Vec<Mutex<Slot<S>>> =
        (0..plan.points).map(|_| Mutex::new(Slot { resolved: None, left: replications })).collect();
    let done = AtomicUsize::new(0);
    // Units behind the first failure are skipped, those before it still run: the error that is
    // reported does not depend on timing.
    let first_failure = AtomicUsize::new(usize::MAX);
    let run = |index: usize| -> Option<Result<T, E>> {
        if first_failure.load(Ordering::Relaxed) < index {
            return None;
        }
        let (point, replication) = (index / replications, (index % replications) as u32);
        let resolved = {
            let mut slot = lock(&cache[point]);
            match &slot.resolved {
                Some(resolved) => Ok(Arc::clone(resolved)),
                None => resolve(point).map(|resolved| {
                    let resolved = Arc::new(resolved);
                    slot.resolved = Some(Arc::clone(&resolved));
                    resolved
                }),
            }
        };
        let result = resolved.and_then(|resolved| unit(&resolved, point, replication));
        let mut slot = lock(&cache[point]);
        slot.left -= 1;
        if slot.left == 0 {
            slot.resolved = None;
        }
        drop(slot);
        if result.is_err() {
            first_failure.fetch_min(index, Ordering::Relaxed);
        }
        finished(done.fetch_add(1, Ordering::Relaxed) + 1);
        Some(result)
    };
    let units = plan.points * replications;
    let results: Vec<Option<Result<T, E>>> =
        pool.install(|| (0..units).into_par_iter().map(run).collect());
    // Skipped units come after the first error, which ends the collection.
    results.into_iter().flatten().collect::<Result<Vec<T>, E>>().map_err(Error::Unit)
}

/// Applies `f` to every index below `count` on `jobs` threads and returns the results in order.
///
/// # Errors
/// That of the lowest index that failed.
pub fn map_in_order<T: Send, E: Send>(
    count: usize,
    jobs: Option<usize>,
    f: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, Error<E>> {
    let plan = Plan { points: count, replications: 1, jobs };
    execute(plan, |_| Ok(()), |(), index, _| f(index), |_| ())
}

/// Why a sweep ended early.
#[derive(Debug)]
pub enum Error<E> {
    /// The threads could not be started.
    Threads(rayon::ThreadPoolBuildError),
    /// A unit failed.
    Unit(E),
}

struct Slot<S> {
    resolved: Option<Arc<S>>,
    left: usize,
}

fn pool(jobs: Option<usize>) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    // Zero lets rayon count the cores.
    rayon::ThreadPoolBuilder::new().num_threads(jobs.unwrap_or(0)).build()
}

/// A slot is valid between any two statements, so a panic elsewhere does not spoil it.
fn lock<T>(slot: &Mutex<T>) -> MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn plan(jobs: usize) -> Plan {
        Plan { points: 7, replications: 5, jobs: Some(jobs) }
    }

    #[test]
    fn results_come_in_order_with_any_number_of_threads() {
        let unit = |scale: &usize, point: usize, replication| {
            // Later units finish first.
            thread::sleep(Duration::from_micros(300 * (10 - point as u64)));
            Ok::<_, String>((point, replication, scale * point))
        };
        let run = |jobs| execute(plan(jobs), |_| Ok(3), unit, |_| ()).unwrap();
        let one = run(1);
        assert_eq!(one.len(), 35);
        assert!(one.is_sorted());
        assert_eq!(one, run(2));
        assert_eq!(one, run(8));
    }

    #[test]
    fn a_point_is_resolved_once_and_dropped_after_its_last_unit() {
        struct Counted<'a>(&'a AtomicUsize);
        impl Drop for Counted<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let (alive, most, resolved) =
            (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        execute(
            plan(1),
            |_| {
                resolved.fetch_add(1, Ordering::SeqCst);
                most.fetch_max(alive.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                Ok::<_, String>(Counted(&alive))
            },
            |_, _, _| Ok(()),
            |_| (),
        )
        .unwrap();
        assert_eq!(resolved.into_inner(), 7);
        assert_eq!(most.into_inner(), 1);
        assert_eq!(alive.into_inner(), 0);
    }

    #[test]
    fn the_first_failure_in_order_is_reported_whoever_fails_first() {
        for jobs in [1, 2, 8] {
            let fail = |(): &(), point: usize, replication: u32| {
                if point < 2 {
                    return Ok(());
                }
                thread::sleep(Duration::from_micros(500 * (7 - point as u64)));
                Err(format!("{point}/{replication}"))
            };
            let error = execute(plan(jobs), |_| Ok(()), fail, |_| ()).unwrap_err();
            assert!(matches!(&error, Error::Unit(unit) if unit == "2/0"), "{jobs}: {error:?}");
        }
    }

    #[test]
    fn every_unit_is_counted() {
        let most = AtomicUsize::new(0);
        let finished = |done| {
            most.fetch_max(done, Ordering::SeqCst);
        };
        execute(plan(2), |_| Ok::<_, String>(()), |(), _, _| Ok(()), finished).unwrap();
        assert_eq!(most.into_inner(), 35);
    }

    #[test]
    fn mapping_keeps_the_order() {
        let squares = map_in_order(5, Some(2), |index| Ok::<_, String>(index * index)).unwrap();
        assert_eq!(squares, [0, 1, 4, 9, 16]);
    }
}
