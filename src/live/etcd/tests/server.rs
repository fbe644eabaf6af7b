//! An etcd that says what it is told to say.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tonic::codegen::Service;
use tonic::{Request, Response, Status};

use crate::live::test_pki::TestCa;
use crate::pb::etcdserverpb::alarm_request::AlarmAction;
use crate::pb::etcdserverpb::cluster_server::{Cluster, ClusterServer};
use crate::pb::etcdserverpb::kv_server::{Kv, KvServer};
use crate::pb::etcdserverpb::maintenance_server::{Maintenance, MaintenanceServer};
use crate::pb::etcdserverpb::{
    AlarmMember, AlarmRequest, AlarmResponse, AlarmType, CompactionRequest, CompactionResponse, DefragmentRequest,
    DefragmentResponse, KeyValue, Member, MemberListRequest, MemberListResponse, MemberRemoveRequest,
    MemberRemoveResponse, RangeRequest, RangeResponse, ResponseHeader, StatusRequest, StatusResponse,
};

/// The answers. By default those of a healthy cluster of two.
pub struct Says {
    pub status: Result<StatusResponse, Status>,
    pub members: Result<MemberListResponse, Status>,
    /// Keys and values, and their revision.
    pub store: (BTreeMap<Vec<u8>, Vec<u8>>, i64),
    /// What was asked of them.
    pub ranges: Vec<RangeRequest>,
    pub linearizable_hangs: bool,
    pub everything_hangs: bool,
    /// To every change.
    pub changed: Result<(), Status>,
    pub changes_hang: bool,
}

impl Default for Says {
    fn default() -> Self {
        let header = Some(ResponseHeader {
            cluster_id: 12_102_231_493_559_379_567,
            member_id: 2_677_674_080_080_550_774,
            revision: 1023,
            raft_term: 3,
        });
        let member = |id, name: &str| Member {
            id,
            name: name.into(),
            peer_urls: vec![format!("https://{name}:2380")],
            client_urls: Vec::new(),
            is_learner: false,
        };
        Self {
            status: Ok(StatusResponse {
                header,
                version: "3.6.16".into(),
                leader: 10_077_765_369_785_300_531,
                db_size_quota: 2_147_483_648,
                ..StatusResponse::default()
            }),
            members: Ok(MemberListResponse {
                header,
                members: vec![
                    member(10_077_765_369_785_300_531, "nbe-2"),
                    member(2_677_674_080_080_550_774, "nbe-1"),
                ],
            }),
            store: (BTreeMap::new(), 1023),
            ranges: Vec::new(),
            linearizable_hangs: false,
            everything_hangs: false,
            changed: Ok(()),
            changes_hang: false,
        }
    }
}

#[derive(Clone)]
struct Answers {
    says: Arc<Mutex<Says>>,
    linearizable_reads: Arc<Mutex<usize>>,
    asked: watch::Sender<usize>,
    changes: Arc<Mutex<Vec<String>>>,
}

impl Answers {
    /// Writes a change down, and answers as told.
    async fn change(&self, what: String) -> Result<(), Status> {
        self.changes.lock().unwrap().push(what);
        let (answer, hangs) = {
            let says = self.says.lock().unwrap();
            (says.changed.clone(), says.changes_hang)
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        answer
    }

    fn says(&self) -> MutexGuard<'_, Says> {
        self.asked.send_modify(|count| *count += 1);
        self.says.lock().unwrap()
    }
}

#[tonic::async_trait]
impl Maintenance for Answers {
    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let (answer, hangs) = {
            let says = self.says();
            (says.status.clone(), says.everything_hangs)
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        answer.map(Response::new)
    }

    async fn defragment(&self, _: Request<DefragmentRequest>) -> Result<Response<DefragmentResponse>, Status> {
        self.change("defragment".into()).await?;
        Ok(Response::new(DefragmentResponse::default()))
    }

    async fn alarm(&self, request: Request<AlarmRequest>) -> Result<Response<AlarmResponse>, Status> {
        let asked = request.into_inner();
        if asked.action() == AlarmAction::Deactivate {
            self.change(format!("disarm {} {:?}", asked.member_id, asked.alarm()))
                .await?;
        }
        let alarm = |member_id, alarm: AlarmType| AlarmMember {
            member_id,
            alarm: alarm.into(),
        };
        Ok(Response::new(AlarmResponse {
            header: None,
            alarms: vec![
                alarm(1, AlarmType::Nospace),
                alarm(2, AlarmType::Corrupt),
                alarm(3, AlarmType::Nospace),
            ],
        }))
    }
}

#[tonic::async_trait]
impl Kv for Answers {
    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        let asked = request.into_inner();
        let (answer, hangs) = {
            let mut says = self.says();
            says.ranges.push(asked.clone());
            (page(&says, &asked), says.everything_hangs)
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(answer))
    }

    async fn compact(&self, request: Request<CompactionRequest>) -> Result<Response<CompactionResponse>, Status> {
        self.change(format!("compact {}", request.into_inner().revision))
            .await?;
        Ok(Response::new(CompactionResponse::default()))
    }
}

#[tonic::async_trait]
impl Cluster for Answers {
    async fn member_remove(
        &self,
        request: Request<MemberRemoveRequest>,
    ) -> Result<Response<MemberRemoveResponse>, Status> {
        self.change(format!("remove {}", request.into_inner().id)).await?;
        Ok(Response::new(MemberRemoveResponse::default()))
    }

    async fn member_list(&self, request: Request<MemberListRequest>) -> Result<Response<MemberListResponse>, Status> {
        let linearizable = request.into_inner().linearizable;
        *self.linearizable_reads.lock().unwrap() += usize::from(linearizable);
        let (answer, hangs) = {
            let says = self.says();
            let hangs = says.everything_hangs || (linearizable && says.linearizable_hangs);
            (says.members.clone(), hangs)
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        answer.map(Response::new)
    }
}

fn page(says: &Says, asked: &RangeRequest) -> RangeResponse {
    let (store, revision) = &says.store;
    let all = store.range(asked.key.clone()..asked.range_end.clone());
    let found: Vec<KeyValue> = all
        .map(|(key, value)| KeyValue {
            key: key.clone(),
            value: value.clone(),
            ..KeyValue::default()
        })
        .collect();
    let limit = if asked.count_only {
        0
    } else {
        usize::try_from(asked.limit).unwrap()
    };
    RangeResponse {
        header: Some(ResponseHeader {
            revision: *revision,
            ..ResponseHeader::default()
        }),
        count: i64::try_from(found.len()).unwrap(),
        more: !asked.count_only && found.len() > limit,
        kvs: found.into_iter().take(limit).collect(),
    }
}

pub struct FakeEtcd {
    pub url: String,
    address: SocketAddr,
    answers: Answers,
    accepted: watch::Receiver<usize>,
    open: watch::Receiver<usize>,
    accepting: JoinSet<()>,
}

impl FakeEtcd {
    pub async fn start(ca: &TestCa, says: Says) -> Self {
        Self::with(ca.server(&ca.issue(&["127.0.0.1"]), b"h2"), says).await
    }

    pub async fn with(config: Arc<ServerConfig>, says: Says) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").await.unwrap(), config, says)
    }

    /// Where another one has just stopped.
    pub fn start_at(address: SocketAddr, ca: &TestCa, says: Says) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).unwrap();
        let config = ca.server(&ca.issue(&["127.0.0.1"]), b"h2");
        Self::listen(socket.listen(64).unwrap(), config, says)
    }

    fn listen(listener: TcpListener, config: Arc<ServerConfig>, says: Says) -> Self {
        let address = listener.local_addr().unwrap();
        let answers = Answers {
            says: Arc::new(Mutex::new(says)),
            linearizable_reads: Arc::default(),
            asked: watch::Sender::new(0),
            changes: Arc::default(),
        };
        let (accepted_count, accepted) = watch::channel(0);
        let (open_count, open) = watch::channel(0);
        let mut accepting = JoinSet::new();
        let serving = answers.clone();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                tcp.set_nodelay(true).unwrap();
                accepted_count.send_modify(|count| *count += 1);
                let (acceptor, answers, open) =
                    (TlsAcceptor::from(config.clone()), serving.clone(), open_count.clone());
                connections.spawn(async move {
                    let Ok(tls) = acceptor.accept(tcp).await else { return };
                    open.send_modify(|count| *count += 1);
                    let service = service_fn(move |request| route(answers.clone(), request));
                    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(tls), service)
                        .await;
                    open.send_modify(|count| *count -= 1);
                });
            }
        });
        Self {
            url: format!("https://{address}"),
            address,
            answers,
            accepted,
            open,
            accepting,
        }
    }

    pub fn says(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.answers.says.lock().unwrap());
    }

    /// Every change that was asked for.
    pub fn changes(&self) -> Vec<String> {
        self.answers.changes.lock().unwrap().clone()
    }

    pub fn linearizable_reads(&self) -> usize {
        *self.answers.linearizable_reads.lock().unwrap()
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        *self.accepted.borrow()
    }

    /// Both questions that a member answers alone, and the one through consensus.
    pub async fn was_asked(&self) {
        let mut asked = self.answers.asked.subscribe();
        asked.wait_for(|count| *count >= 3).await.unwrap();
    }

    pub async fn all_closed(&self) {
        self.open.clone().wait_for(|open| *open == 0).await.unwrap();
    }

    /// Closes everything.
    pub async fn stop(mut self) -> SocketAddr {
        self.accepting.shutdown().await;
        self.address
    }
}

async fn route(
    answers: Answers,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<tonic::body::Body>, Infallible> {
    match request.uri().path() {
        "/etcdserverpb.Maintenance/Status" => MaintenanceServer::new(answers).call(request).await,
        "/etcdserverpb.Maintenance/Defragment" | "/etcdserverpb.Maintenance/Alarm" => {
            MaintenanceServer::new(answers).call(request).await
        }
        "/etcdserverpb.KV/Compact" | "/etcdserverpb.KV/Range" => KvServer::new(answers).call(request).await,
        "/etcdserverpb.Cluster/MemberList" | "/etcdserverpb.Cluster/MemberRemove" => {
            ClusterServer::new(answers).call(request).await
        }
        other => panic!("nobody should call {other}"),
    }
}
