//! Inside the lab, on host 1: what quorate sees and may do as somebody who has all rules of an operator but one. What to
//! expect is worked out from the product's own tables: the rules, the feeds, the requests of plans.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use quorate::base::{Why, WhyKind};
use quorate::check::{self, CheckId, Outcome};
use quorate::cli::args::Global;
use quorate::cli::observe::{self, Observing};
use quorate::cli::settle::Enough;
use quorate::live::kube::Changes;
use quorate::live::kube::lease::{self, ClusterLock, Taken, Wish};
use quorate::live::kube::rights::{Grants, Role, Who, roles};
use quorate::model::question::{Answer, LogRef, ObjectRef, Question, QuestionId, Standing, Told};
use quorate::model::{FeedId, KubeKind, ObjectKey, Policy, Snapshot};
use quorate::plan::RunId;
use quorate::plan::event::{Operator, Sent};
use quorate::plan::request::{Call, Method};
use quorate::plan::rights::{Asked, change, deeds};
use quorate::tui::Clerk;
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::timeout;

use super::{ASKS, group_of};

/// How long anything may take.
const SOON: Duration = Duration::from_mins(1);
/// So many look at once.
const AT_ONCE: usize = 2;
/// A name that stands for all.
const NAME: &str = "it";

/// Read every two seconds: the proof that what an API server tells is of now.
const HEARTBEAT: &str = "/api/v1/namespaces/kube-system";
/// Where one asks whether one may do something, whether somebody else may, and what one may at all.
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const REVIEWS_OF_OTHERS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
const REVIEWS_OF_RULES: &str = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";

/// All of it.
pub fn everything() {
    let runtime = observe::runtime().unwrap();
    runtime.block_on(async {
        let admin = Person::begin(None).await;
        let admin = &admin.observing.hands().kube;
        until_in_force(admin).await;
        nothing_is_permitted_but_what_the_tables_say().await;

        let lock = Mutex::new(());
        let whole = Seen::without(None, admin, &lock).await;
        let mut wrong = complaints(&whole, &whole, &operator_without(None));
        let rules: Vec<usize> = (0..purposes().len()).collect();
        for some in rules.chunks(AT_ONCE) {
            let seen = some.iter().map(|rule| Seen::without(Some(*rule), admin, &lock));
            for (rule, seen) in some.iter().zip(join_all(seen).await) {
                let told = complaints(&seen, &whole, &operator_without(Some(*rule)));
                let of = format!("without rule {rule}, {}: ", purposes()[*rule]);
                wrong.extend(told.into_iter().map(|complaint| of.clone() + &complaint));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
    runtime.shutdown_background();
}

fn purposes() -> Vec<String> {
    let rules = roles(Who::Operator).into_iter().flat_map(|role| role.rules);
    rules.map(|rule| rule.purpose).collect()
}

/// An operator's roles, without one of their rules.
fn operator_without(rule: Option<usize>) -> Vec<Role> {
    let mut counted = 0..;
    let mut roles = roles(Who::Operator);
    for role in &mut roles {
        role.rules.retain(|_| counted.next() != rule);
    }
    roles
}

fn is_granted(roles: &[Role], asked: &Asked) -> bool {
    roles.iter().any(|role| role.granting(asked).next().is_some())
}

/// Somebody who looks and asks.
struct Person {
    observing: Observing,
    standing: watch::Sender<Standing>,
    answers: mpsc::Receiver<Answer>,
}

impl Person {
    /// In these groups and no others; None: the administrator of this host.
    async fn begin(groups: Option<Vec<String>>) -> Self {
        let global = Global {
            act_as: groups.is_some().then(|| "ada".to_owned()),
            act_as_group: groups.unwrap_or_default(),
            ..Global::default()
        };
        let (standing, asked) = watch::channel(Standing::new());
        let (sender, answers) = mpsc::channel(32);
        let clerk = Clerk {
            standing: asked,
            answers: sender,
        };
        let resolved = observe::settings(&global).unwrap();
        let mut observing = observe::start_answering(&resolved, clerk).await.unwrap();
        observe::settle(&mut observing, SOON, Enough::Everything).await;
        Self {
            observing,
            standing,
            answers,
        }
    }

    /// Why a question is not answered.
    async fn ask(&mut self, id: u64, question: Question) -> Option<Why> {
        let id = QuestionId(id);
        self.standing.send_replace([(id, question)].into());
        loop {
            let answer = timeout(SOON, self.answers.recv()).await.unwrap().unwrap();
            match answer.told {
                Told::Failed { why, .. } if answer.id == id => return Some(why),
                _ if answer.id == id => return None,
                _ => {}
            }
        }
    }
}

/// What somebody tried: what it needs, and why it did not work, if only for want of rights.
struct Tried {
    what: String,
    needs: Vec<Asked>,
    denied: Option<Why>,
}

/// What somebody saw and tried.
struct Seen {
    snapshot: Arc<Snapshot>,
    tried: Vec<Tried>,
}

impl Seen {
    /// As an operator without one of the rules.
    async fn without(rule: Option<usize>, admin: &Changes, lock: &Mutex<()>) -> Self {
        let others = (0..purposes().len()).filter(|own| Some(*own) != rule);
        let mut person = Person::begin(Some(others.map(group_of).collect())).await;
        let mut tried = Vec::new();
        answers(&mut person, &mut tried).await;
        let changes = person.observing.hands().kube;
        requests(&changes, &mut tried).await;
        let guard = lock.lock().await;
        tried.push(Tried {
            what: "the lock of a run".to_owned(),
            needs: vec![
                Asked::get(&format!("{}/{}", lease::COLLECTION, lease::NAME)),
                asked(Method::Post, lease::COLLECTION),
                asked(Method::Patch, &format!("{}/{}", lease::COLLECTION, lease::NAME)),
            ],
            denied: lock_twice(&changes, admin).await,
        });
        drop(guard);
        // Version and name of the cluster come together, and may come last.
        let snapshots = &mut person.observing.observer.snapshots;
        let is_introduced = |snapshot: &Arc<Snapshot>| {
            let endpoint = snapshot.kube.endpoint.as_ref();
            endpoint.is_some_and(|own| own.version.is_some() || own.cluster.is_some())
        };
        let snapshot = timeout(SOON, snapshots.wait_for(is_introduced)).await.unwrap();
        let snapshot = snapshot.unwrap().clone();
        Self { snapshot, tried }
    }
}

/// What is read in depth.
async fn answers(person: &mut Person, tried: &mut Vec<Tried>) {
    let mut questions = vec![
        (
            "events".to_owned(),
            vec![Asked::get("/api/v1/events")],
            Question::Events { of: None },
        ),
        ("a log".to_owned(), vec![Asked::get(&path("", "pods", "/it/log"))], {
            let of = LogRef {
                pod: ObjectKey::new("it", NAME),
                container: None,
                previous: false,
            };
            let (tail, follow) = (1, false);
            Question::Log { of, tail, follow }
        }),
    ];
    for kind in KubeKind::ALL {
        let mut needs = vec![Asked::get(&path(kind.group(), kind.plural(), "/it"))];
        needs.extend(kind.is_custom().then(|| Asked::get("/apis")));
        let of = ObjectRef {
            kind,
            key: ObjectKey::new("", NAME),
            uid: None,
        };
        let question = Question::Yaml {
            of,
            managed_fields: false,
        };
        questions.push((format!("the YAML of one {}", kind.word()), needs, question));
    }
    for (id, (what, needs, question)) in (1..).zip(questions) {
        let why = person.ask(id, question).await;
        let denied = why.filter(|why| why.kind == WhyKind::Forbidden);
        tried.push(Tried { what, needs, denied });
    }
}

/// What plans ask. It is about what does not exist, so that nothing is changed where it is permitted.
async fn requests(changes: &Changes, tried: &mut Vec<Tried>) {
    for deed in deeds() {
        let needs = vec![asked(deed.call.method, &deed.call.path)];
        let denied = match changes.send(&deed.call).await {
            Sent::Refused { why } => Some(why).filter(|why| why.kind == WhyKind::Forbidden),
            Sent::Accepted => None,
            Sent::Unknown { why } => panic!("{why}"),
        };
        let what = format!("{:?} {}", deed.call.method, deed.call.path);
        tried.push(Tried {
            what: format!("{what}, asked before a plan begins"),
            needs: [vec![asked(Method::Post, REVIEWS)], needs.clone()].concat(),
            denied: changes.may(&deed.call).await.err(),
        });
        tried.push(Tried { what, needs, denied });
    }
}

/// Why the lock could not be made and then be taken again. Nothing of it stays.
async fn lock_twice(changes: &Changes, admin: &Changes) -> Option<Why> {
    let mut denied = None;
    for _ in 0..2 {
        let wish = Wish {
            run: RunId(NAME.into()),
            operator: Operator {
                user: "ada".into(),
                host: "nbe-1".into(),
                pid: 1,
            },
            take_over: false,
        };
        match ClusterLock::take(changes.clone(), wish).await {
            Taken::Ours(own) => own.release().await,
            Taken::NoWay(why) => denied = Some(why),
            Taken::Theirs(why) => panic!("{why}"),
        }
    }
    let path = format!("{}/{}", lease::COLLECTION, lease::NAME);
    assert_eq!(
        admin.send(&call(Method::Delete, &path, Value::Null)).await,
        Sent::Accepted
    );
    denied
}

/// What is not as the roles make one expect. `whole` is what is seen with all rules.
fn complaints(seen: &Seen, whole: &Seen, roles: &[Role]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut lost = BTreeMap::new();
    for (id, needs) in feeds() {
        let state = seen.snapshot.feed(id);
        let denied = state.why().filter(|_| !state.is_live()).cloned();
        if needs.iter().any(|asked| !is_granted(roles, asked)) {
            lost.insert(id, state);
        }
        let what = format!("the feed {id}");
        wrong.extend(complaint(&Tried { what, needs, denied }, roles));
    }
    wrong.extend(seen.tried.iter().filter_map(|tried| complaint(tried, roles)));
    let endpoint = seen.snapshot.kube.endpoint.as_ref().unwrap();
    for (what, is_told, path) in [
        ("version", endpoint.version.is_some(), "/version"),
        ("uid", endpoint.cluster.is_some(), HEARTBEAT),
    ] {
        if is_told != is_granted(roles, &Asked::get(path)) {
            wrong.push(format!("the cluster's {what} is told: {is_told}"));
        }
    }
    // A feed for which the right is missing is as good as one that was lost.
    let mut expected = Snapshot::clone(&whole.snapshot);
    expected.feeds.extend(lost);
    let (expected, now) = (outcomes(&expected), outcomes(&seen.snapshot));
    let of_api: BTreeSet<FeedId> = feeds().into_iter().map(|(id, _)| id).collect();
    let is_blind = |outcome: &Outcome| matches!(outcome, Outcome::CannotTell { feed, .. } if !of_api.contains(feed));
    for (id, outcome) in now {
        // On a busy machine a member may be late: no right helps there.
        if is_blind(&outcome) || is_blind(&expected[&id]) {
            continue;
        }
        let is_right = match (&outcome, &expected[&id]) {
            (Outcome::CannotTell { why, .. }, Outcome::CannotTell { why: known, .. }) => why.kind == known.kind,
            // Rows of a lost feed stay, where the right was never there are none.
            (Outcome::CannotTell { why, .. }, _) => why.kind == WhyKind::Forbidden,
            (Outcome::Holds, Outcome::Holds)
            | (Outcome::Broken { .. }, Outcome::Broken { .. })
            | (Outcome::NotApplicable { .. }, Outcome::NotApplicable { .. }) => true,
            (Outcome::Holds, Outcome::Broken { .. }) | (Outcome::Broken { .. }, Outcome::Holds) => is_timed(id),
            // What is not seen is not told, and whether it applies is not known.
            (_, Outcome::CannotTell { .. } | Outcome::NotApplicable { .. }) | (Outcome::NotApplicable { .. }, _) => {
                false
            }
        };
        if !is_right {
            wrong.push(format!("the check {id}: {outcome:?}, not {:?}", expected[&id]));
        }
    }
    wrong
}

/// Checks that compare a measured time with a limit, and what takes longer on a busy machine. They may say "holds" once and
/// "broken" another time, whatever the rights.
const TIMED: [(CheckId, &str); 3] = [
    (CheckId::NetworkLatency, "round trips to the other members"),
    (CheckId::EtcdDisk, "fsyncs of etcd's log"),
    (CheckId::NodeHeartbeat, "the renewal of a kubelet's lease"),
];

fn is_timed(id: CheckId) -> bool {
    TIMED.iter().any(|(own, _)| *own == id)
}

/// Whether something was denied that should work, or the other way round, or for other reasons.
fn complaint(tried: &Tried, roles: &[Role]) -> Option<String> {
    let missing = tried.needs.iter().find(|asked| !is_granted(roles, asked));
    let is_right = match (missing, &tried.denied) {
        (None, None) => true,
        (Some(missing), Some(why)) => {
            let name = match missing {
                Asked::Path(path) => path.clone(),
                Asked::Objects(asked) => asked.resource(),
            };
            why.kind == WhyKind::Forbidden && why.to_string().contains(&name)
        }
        _ => false,
    };
    (!is_right).then(|| format!("{}: missing is {missing:?}, and denied {:?}", tried.what, tried.denied))
}

fn outcomes(snapshot: &Snapshot) -> BTreeMap<CheckId, Outcome> {
    check::run(snapshot, &Policy::default()).outcomes.into_iter().collect()
}

/// What each feed of the API needs.
fn feeds() -> Vec<(FeedId, Vec<Asked>)> {
    let kinds = KubeKind::ALL.map(|kind| {
        let list = path(kind.group(), kind.plural(), "");
        let mut needs = vec![Asked::get(&list), Asked::get(&format!("{list}?watch=true"))];
        needs.extend(kind.is_custom().then(|| Asked::get("/apis")));
        (FeedId::Kube(kind), needs)
    });
    let api = (FeedId::Api, vec![Asked::get(HEARTBEAT)]);
    // No role permits it: the reason is always told.
    let dry_run = vec![
        asked(Method::Post, REVIEWS),
        asked(Method::Post, &path("", "namespaces", "/default/pods")),
    ];
    kinds.into_iter().chain([api, (FeedId::Admission, dry_run)]).collect()
}

fn path(group: &str, plural: &str, rest: &str) -> String {
    let group = if group.is_empty() {
        "/api".to_owned()
    } else {
        format!("/apis/{group}")
    };
    format!("{group}/v1/{plural}{rest}")
}

fn asked(method: Method, path: &str) -> Asked {
    Asked::Objects(change(method, path).unwrap())
}

fn call(method: Method, path: &str, body: Value) -> Call {
    Call {
        method,
        path: path.to_owned(),
        content_type: "application/json",
        body,
    }
}

/// Whether the API server lets a group do something.
async fn lets(admin: &Changes, group: &str, asked: &Asked) -> bool {
    let mut spec = json!({"user": "ada", "groups": [group, "system:authenticated"]});
    match asked {
        Asked::Path(path) => spec["nonResourceAttributes"] = json!({"path": path, "verb": "get"}),
        Asked::Objects(own) => {
            spec["resourceAttributes"] = json!({
                "verb": own.verb, "group": own.group, "version": own.version, "namespace": own.namespace,
                "resource": own.resource, "name": own.name, "subresource": own.subresource,
            });
        }
    }
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec});
    let answer = admin.ask(&call(Method::Post, REVIEWS_OF_OTHERS, review)).await;
    answer.unwrap_or_else(|_| panic!("{asked:?}"))["status"]["allowed"] == true
}

/// An API server hears of new rules a moment later.
async fn until_in_force(admin: &Changes) {
    let last = purposes().len() - 1;
    let lock = asked(Method::Patch, &format!("{}/{}", lease::COLLECTION, lease::NAME));
    let arrive = async {
        while !lets(admin, &group_of(last), &lock).await || lets(admin, "", &Asked::get("/version")).await {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, arrive).await.unwrap();
}

/// What the API server itself says that somebody may, and what it answers where that is nothing.
async fn nothing_is_permitted_but_what_the_tables_say() {
    for who in [Who::Viewer, Who::Operator] {
        let groups = [format!("quorate:{}", who.name()), ASKS.to_owned()];
        let person = Person::begin(Some(groups.into())).await;
        let changes = person.observing.hands().kube;
        let roles = roles(who);
        for place in [lease::NAMESPACE, "kube-node-lease", "kotsadm"] {
            let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": place}});
            let answer = changes.ask(&call(Method::Post, REVIEWS_OF_RULES, review)).await;
            let mut told = told(&answer.unwrap_or_else(|_| panic!("{}", who.name()))["status"]);
            assert!(told.remove("create authorization.k8s.io/selfsubjectrulesreviews "));
            assert_eq!(told, named(&roles, place), "{} in {place}", who.name());
        }
        for path in [
            "/api/v1/secrets",
            "/api/v1/namespaces/kube-system/configmaps",
            "/metrics",
        ] {
            assert_eq!(changes.read(path).await.unwrap_err().kind, WhyKind::Forbidden, "{path}");
        }
        let mut tried = Vec::new();
        requests(&changes, &mut tried).await;
        let wrong: Vec<String> = tried.iter().filter_map(|tried| complaint(tried, &roles)).collect();
        assert!(wrong.is_empty(), "{}: {}", who.name(), wrong.join("\n"));
    }
}

/// What the roles permit in a namespace, each verb on its own line.
fn named(roles: &[Role], place: &str) -> BTreeSet<String> {
    let here = roles
        .iter()
        .filter(|role| role.namespace.as_deref().is_none_or(|own| own == place));
    let lines = here.flat_map(|role| &role.rules).flat_map(|rule| match &rule.grants {
        Grants::Paths(paths) => paths.iter().map(|path| format!("get {path}")).collect::<Vec<_>>(),
        Grants::Objects {
            group,
            resource,
            name,
            verbs,
        } => {
            let name = name.as_deref().unwrap_or_default();
            verbs
                .iter()
                .map(|verb| format!("{verb} {group}/{resource} {name}"))
                .collect()
        }
    });
    lines.collect()
}

/// The same, as a SelfSubjectRulesReview tells it.
fn told(status: &Value) -> BTreeSet<String> {
    let list = |value: &Value| -> Vec<String> {
        let words = value.as_array().into_iter().flatten();
        words.map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let mut lines = BTreeSet::new();
    for rule in status["resourceRules"].as_array().unwrap() {
        let mut names = list(&rule["resourceNames"]);
        if names.is_empty() {
            names.push(String::new());
        }
        for verb in list(&rule["verbs"]) {
            for group in list(&rule["apiGroups"]) {
                for resource in list(&rule["resources"]) {
                    lines.extend(names.iter().map(|name| format!("{verb} {group}/{resource} {name}")));
                }
            }
        }
    }
    for rule in status["nonResourceRules"].as_array().into_iter().flatten() {
        for verb in list(&rule["verbs"]) {
            lines.extend(
                list(&rule["nonResourceURLs"])
                    .iter()
                    .map(|path| format!("{verb} {path}")),
            );
        }
    }
    lines
}
