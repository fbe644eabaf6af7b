//! One member by its answers, and what they prove.

use super::*;

#[test]
fn one_refusal_is_proof_even_right_after_an_answer() {
    let judged = judge(&history(Some(1), &[0], WhyKind::Refused), now(), None, SILENT);
    assert!(judged.is_dead(), "{judged:?}");
}

#[test]
fn an_old_refusal_is_no_news() {
    let judged = judge(
        &history(Some(60), &[30, 29], WhyKind::Refused),
        now(),
        Some(now()),
        SILENT,
    );
    assert!(judged.is_unknown(), "{judged:?}");
}

#[test]
fn one_late_answer_is_not_death() {
    let judged = judge(
        &history(Some(2), &[1, 0], WhyKind::TimedOut),
        now(),
        Some(now()),
        SILENT,
    );
    assert!(judged.is_healthy(), "{judged:?}");
    let judged = judge(&history(Some(4), &[0], WhyKind::TimedOut), now(), Some(now()), SILENT);
    assert!(judged.is_unknown(), "{judged:?}");
}

#[test]
fn silence_is_proof_when_another_host_answered_meanwhile() {
    let silent = history(Some(4), &[2, 1], WhyKind::TimedOut);
    assert!(judge(&silent, now(), Some(now()), SILENT).is_dead());
    assert!(judge(&silent, now(), Some(ago(1)), SILENT).is_dead());
    // The witness fell silent about when the member did: it may be us.
    assert!(judge(&silent, now(), Some(ago(2)), SILENT).is_unknown());
    assert!(judge(&silent, now(), None, SILENT).is_unknown());
}

#[test]
fn an_old_witness_does_not_keep_a_silent_member_dead() {
    let silent = history(Some(100), &[98, 97, 1, 0], WhyKind::TimedOut);
    assert!(judge(&silent, now(), Some(ago(6)), SILENT).is_unknown());
    assert!(judge(&silent, now(), Some(ago(4)), SILENT).is_dead());
}

#[test]
fn a_member_that_never_answered_can_be_proven_dead() {
    let mut silent = History::begin(ago(4));
    silent.failed(ago(2), why(WhyKind::TimedOut));
    assert!(judge(&silent, now(), Some(now()), SILENT).is_unknown());
    silent.failed(ago(0), why(WhyKind::TimedOut));
    assert!(judge(&silent, now(), Some(now()), SILENT).is_dead());
}

#[test]
fn one_silence_is_proof_where_the_store_says_that_it_is_old() {
    let mut silent = History::begin(ago(1));
    silent.failed(ago(0), why(WhyKind::TimedOut));
    assert!(judge(&silent, now(), Some(ago(1)), SILENT).is_unknown());
    assert!(judge(&silent, now(), Some(ago(1)), SILENT_TOO).is_dead());
    // Where nobody answers, it may still be us; and what was seen a second ago is alive.
    assert!(judge(&silent, now(), None, SILENT_TOO).is_unknown());
    assert!(
        judge(
            &history(Some(1), &[0], WhyKind::TimedOut),
            now(),
            Some(now()),
            SILENT_TOO
        )
        .is_healthy()
    );
}

#[test]
fn errors_that_prove_nothing_leave_it_unknown() {
    for kind in [WhyKind::Tls, WhyKind::Forbidden, WhyKind::Unavailable, WhyKind::Denied] {
        let judged = judge(&history(Some(30), &[2, 1, 0], kind), now(), Some(now()), SILENT);
        assert!(judged.is_unknown(), "{kind:?}: {judged:?}");
    }
}

#[test]
fn nothing_asked_is_nothing_known() {
    assert!(judge(&History::begin(ago(1)), now(), Some(now()), SILENT).is_unknown());
    assert!(judge(&answered(10), now(), Some(now()), SILENT).is_unknown());
}

#[test]
fn questions_that_fail_on_our_side_say_nothing_about_the_others() {
    for kind in [WhyKind::Denied, WhyKind::Missing, WhyKind::Config, WhyKind::Tls] {
        let mut snapshot = example::cut_off(false);
        for n in [2, 3] {
            set_peer(&mut snapshot, n, history(Some(40), &[2, 1, 0], kind));
        }
        snapshot.etcd.linearizable = Some(history(Some(40), &[2, 1, 0], kind));
        let quorum = snapshot.quorum();
        assert_eq!(quorum.contact, Contact::NotTried, "{kind:?}");
        let Standing::Unproven { why } = quorum.standing else {
            panic!("{kind:?}: {:?}", quorum.standing);
        };
        assert_eq!(why.kind, kind);
        // Nor does one silent host beside one that was not asked.
        set_peer(&mut snapshot, 3, history(Some(40), &[2, 1, 0], WhyKind::TimedOut));
        assert_eq!(snapshot.contact(), Contact::NotTried, "{kind:?}");
    }
}

#[test]
fn without_reads_the_reason_is_why_there_is_no_access() {
    let mut snapshot = example::cut_off(false);
    for n in [2, 3] {
        set_peer(&mut snapshot, n, history(Some(40), &[2, 1, 0], WhyKind::Denied));
    }
    snapshot.etcd.linearizable = None;
    snapshot.etcd.no_access = Some(why(WhyKind::Denied));
    let standing = snapshot.quorum().standing;
    let denied = Standing::Unproven {
        why: why(WhyKind::Denied),
    };
    assert_eq!(standing, denied);
}
