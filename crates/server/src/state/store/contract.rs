//! What every store must do. A backend calls [`suite`] with a way to make an empty store.

use super::{Entry, Error, Event, Expect, Store, Watch, Write};

/// Runs the whole contract, each part on a store of its own.
pub(crate) async fn suite<S: Store, Guard, Fut>(make: impl Fn() -> Fut)
where
    Fut: Future<Output = (S, Guard)>,
{
    macro_rules! each { ($($part:ident),+ $(,)?) => { $( let (store, _guard) = make().await; $part(&store).await; )+ } }
    each![
        an_empty_store_has_nothing,
        what_is_put_can_be_read,
        a_commit_does_all_or_nothing,
        conditions_are_checked,
        a_delete_is_a_write,
        listing_pages_through_a_prefix,
        a_watch_tells_what_was_missed_and_what_is_new,
        a_watch_tells_of_its_prefix_only,
        what_one_commit_changes_is_told_together,
        many_writers_get_distinct_revisions,
    ];
}

fn put(key: &str, value: &str, expect: Expect) -> Write {
    Write::put(key, value.as_bytes().to_vec(), expect)
}

fn conflict_on<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Conflict { key }) => key,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

async fn an_empty_store_has_nothing(store: &impl Store) {
    assert_eq!(store.get("a").await.unwrap(), None);
    let page = store.list("", "", 10).await.unwrap();
    assert_eq!((page.entries, page.revision), (vec![], 0));
}

async fn what_is_put_can_be_read(store: &impl Store) {
    let revision = store
        .commit(vec![put("a", "1", Expect::Anything)])
        .await
        .unwrap();
    assert_eq!(
        store.get("a").await.unwrap(),
        Some(Entry {
            key: "a".into(),
            value: b"1".to_vec(),
            revision
        })
    );
    let later = store
        .commit(vec![put("a", "2", Expect::Anything)])
        .await
        .unwrap();
    assert!(later > revision);
    assert_eq!(
        store.get("a").await.unwrap(),
        Some(Entry {
            key: "a".into(),
            value: b"2".to_vec(),
            revision: later
        })
    );
}

async fn a_commit_does_all_or_nothing(store: &impl Store) {
    store
        .commit(vec![put("b", "old", Expect::Anything)])
        .await
        .unwrap();
    let both = vec![
        put("a", "1", Expect::Anything),
        put("b", "new", Expect::Absent),
    ];
    assert_eq!(conflict_on(store.commit(both).await), "b");
    assert_eq!(store.get("a").await.unwrap(), None);
    assert_eq!(store.get("b").await.unwrap().unwrap().value, b"old");

    let revision = store
        .commit(vec![
            put("a", "1", Expect::Absent),
            put("c", "1", Expect::Absent),
        ])
        .await
        .unwrap();
    assert_eq!(store.get("a").await.unwrap().unwrap().revision, revision);
    assert_eq!(
        store.get("c").await.unwrap().unwrap().revision,
        revision,
        "one commit, one revision"
    );
}

async fn conditions_are_checked(store: &impl Store) {
    assert_eq!(
        conflict_on(store.commit(vec![put("a", "1", Expect::At(1))]).await),
        "a"
    );
    let revision = store
        .commit(vec![put("a", "1", Expect::Absent)])
        .await
        .unwrap();
    assert_eq!(
        conflict_on(store.commit(vec![put("a", "2", Expect::Absent)]).await),
        "a"
    );
    assert_eq!(
        conflict_on(
            store
                .commit(vec![put("a", "2", Expect::At(revision + 1))])
                .await
        ),
        "a"
    );
    let later = store
        .commit(vec![put("a", "2", Expect::At(revision))])
        .await
        .unwrap();
    assert_eq!(
        conflict_on(
            store
                .commit(vec![put("a", "3", Expect::At(revision))])
                .await
        ),
        "a"
    );
    assert_eq!(
        conflict_on(
            store
                .commit(vec![Write::delete("a", Expect::At(revision))])
                .await
        ),
        "a"
    );
    store
        .commit(vec![Write::delete("a", Expect::At(later))])
        .await
        .unwrap();
}

async fn a_delete_is_a_write(store: &impl Store) {
    let revision = store
        .commit(vec![put("a", "1", Expect::Absent)])
        .await
        .unwrap();
    let deleted = store
        .commit(vec![Write::delete("a", Expect::Anything)])
        .await
        .unwrap();
    assert!(deleted > revision);
    assert_eq!(store.get("a").await.unwrap(), None);
    assert_eq!(store.list("", "", 10).await.unwrap().entries, vec![]);
    store
        .commit(vec![put("a", "again", Expect::Absent)])
        .await
        .expect("a deleted key is absent");
}

async fn listing_pages_through_a_prefix(store: &impl Store) {
    for key in ["b/2", "a/1", "b/1", "b/3", "c"] {
        store
            .commit(vec![put(key, key, Expect::Absent)])
            .await
            .unwrap();
    }
    let keys = |page: super::Page| page.entries.into_iter().map(|e| e.key).collect::<Vec<_>>();
    assert_eq!(keys(store.list("b/", "", 2).await.unwrap()), ["b/1", "b/2"]);
    assert_eq!(keys(store.list("b/", "b/2", 2).await.unwrap()), ["b/3"]);
    assert_eq!(
        keys(store.list("b/", "b/3", 2).await.unwrap()),
        Vec::<String>::new()
    );
    assert_eq!(
        keys(store.list("", "", 10).await.unwrap()),
        ["a/1", "b/1", "b/2", "b/3", "c"]
    );
    assert_eq!(
        store.list("b/", "", 1).await.unwrap().revision,
        5,
        "a page says which revision it shows"
    );
}

async fn a_watch_tells_what_was_missed_and_what_is_new(store: &impl Store) {
    let first = store
        .commit(vec![put("a", "1", Expect::Absent)])
        .await
        .unwrap();
    let missed = store
        .commit(vec![put("b", "1", Expect::Absent)])
        .await
        .unwrap();
    let gone = store
        .commit(vec![Write::delete("a", Expect::Anything)])
        .await
        .unwrap();
    let mut watch = store.watch("", first).await.unwrap();
    let new = store
        .commit(vec![put("b", "2", Expect::Anything)])
        .await
        .unwrap();
    let event = |key: &str, value: Option<&str>, revision| Event {
        key: key.into(),
        value: value.map(|v| v.as_bytes().to_vec()),
        revision,
    };
    assert_eq!(
        watch.recv().await,
        Some(vec![event("b", Some("1"), missed)])
    );
    assert_eq!(watch.recv().await, Some(vec![event("a", None, gone)]));
    assert_eq!(watch.recv().await, Some(vec![event("b", Some("2"), new)]));
}

async fn a_watch_tells_of_its_prefix_only(store: &impl Store) {
    let mut watch = store.watch("b/", 0).await.unwrap();
    store
        .commit(vec![
            put("a/1", "1", Expect::Absent),
            put("b/1", "1", Expect::Absent),
            put("b0", "1", Expect::Absent),
        ])
        .await
        .unwrap();
    store
        .commit(vec![put("b/2", "1", Expect::Absent)])
        .await
        .unwrap();
    assert_eq!(keys(&mut watch).await, ["b/1"]);
    assert_eq!(keys(&mut watch).await, ["b/2"]);
}

async fn what_one_commit_changes_is_told_together(store: &impl Store) {
    let mut watch = store.watch("", 0).await.unwrap();
    let both = || {
        vec![
            put("a", "1", Expect::Anything),
            put("b", "1", Expect::Anything),
        ]
    };
    let first = store.commit(both());
    let (first, second) = futures_util::future::join(first, store.commit(both())).await;
    assert_ne!(first.unwrap(), second.unwrap());
    assert_eq!(keys(&mut watch).await, ["a", "b"]);
    assert_eq!(keys(&mut watch).await, ["a", "b"]);
    let mut late = store.watch("", 0).await.unwrap();
    assert_eq!(keys(&mut late).await, ["a", "b"]);
}

/// The keys of the next change.
async fn keys(watch: &mut Watch) -> Vec<String> {
    let events = watch.recv().await.unwrap();
    events.into_iter().map(|event| event.key).collect()
}

async fn many_writers_get_distinct_revisions(store: &impl Store) {
    let commits = (0..100).map(|n| store.commit(vec![put(&format!("k{n}"), "v", Expect::Absent)]));
    let mut revisions: Vec<_> = futures_util::future::join_all(commits)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    revisions.sort_unstable();
    revisions.dedup();
    assert_eq!(revisions.len(), 100);
    assert_eq!(store.list("", "", 1000).await.unwrap().entries.len(), 100);
}
