//! What a model says a little differently: one value for each kind of difference.

use wsgen_model::source::Span;

use super::scope::Importer;
use crate::import::ledger::Id;
use crate::subject::{Subject, Unusual};

/// A directive that is in the model, and means a little less or more there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Differs {
    /// A host is compared with its port.
    HostPort,
    /// A host is compared by its case.
    HostCase,
    /// The end of a host is compared, within a label too.
    HostEnd,
    /// The beginning of a host is compared.
    HostStart,
    /// A regex fits more hosts than those that are written out, or fewer.
    HostRegex,
    /// The name in the TLS handshake is compared.
    ServerName,
    /// Lines of a field, or parts between commas, are compared each by itself.
    FieldList,
    /// The token of Upgrade or Connection is compared by its case, or only one of both fields is.
    Handshake,
    /// The whole target is compared or replaced, which over HTTP/2 has the scheme and the host in it.
    WholeTarget,
    /// A parameter of the query without a value.
    BareParameter,
    /// A regex without `^` finds the beginning of a path further behind too.
    PathWithin,
    /// The query belongs to the path of `monitor-uri`.
    MonitorQuery,
    /// The path of a redirect's target has a slash where it had none.
    RedirectSlash,
    /// The Location of a redirect is a path alone.
    RedirectWhole,
    /// The port of the request's Host is in the redirect.
    RedirectPort,
    /// The body, or a field that is computed, is left out of an answer.
    AnswerParts,
    /// The connection is closed without an answer.
    NoAnswer,
    /// What the client sent of X-Forwarded-For stays ahead of the new value.
    ForwardedFor,
    /// What the client sent of this field stays.
    ForwardedKept,
    /// The model takes more fields of the forwarded family out.
    ForwardedFamily,
    /// Upgrade is set on every request.
    UpgradeForced,
    /// A frontend without `mode http` leads to a backend with it.
    TcpFrontend,
    /// A server that answers a check with 404 gets no new clients, and keeps those that it has.
    CheckOn404,
    /// A check connects in a way of its own.
    CheckConnection,
    /// The connections of a server are counted.
    ServerConnections,
    /// A weight of 0.
    NoWeight,
    /// The name in SNI is computed.
    ServerSni,
    /// A certificate's file holds its key too.
    CertificateAndKey,
    /// TCP keepalive has the system's own times.
    KeepAliveTime,
    /// The values of a sticky cookie.
    StickyValues,
    /// `X-Forwarded-For` is not written for clients of some network.
    ForwardedExcept,
    /// Whether a server is well is told by another server, by an agent or by its answers.
    HealthTold,
    /// Connections to a server leave from an address or interface of their own.
    OwnAddress,
    /// A server may be spoken to in HTTP/2.
    ServerHttp2,
    /// Versions of TLS that no profile has.
    TlsVersions,
    /// A certificate is good for another name than SNI asks for.
    VerifiedName,
    /// The PROXY header tells of TLS.
    ProxyHeaderTls,
    /// A server that is back gets its requests little by little.
    SlowStart,
    /// Options of a listener for the system or for TLS, beyond its address and certificates.
    OwnListener,
    /// The connections of one listener are counted.
    ListenerConnections,
    /// A page of statistics is answered by HAProxy itself.
    StatisticsPage,
    /// Answers of HAProxy's own get the field too.
    OwnAnswers,
}

impl Differs {
    /// What HAProxy does, and what the model does.
    fn text(self) -> &'static str {
        match self {
            Self::HostPort => {
                "HAProxy compares Host with its port; hosts are matched without their ports"
            }
            Self::HostCase => {
                "HAProxy compares Host by its case here; the model compares hosts in any case"
            }
            Self::HostEnd => {
                "HAProxy also takes hosts that end so within a label (`notexample.com`); the model takes the name and what lies below it"
            }
            Self::HostStart => {
                "HAProxy also takes hosts that only begin so; the model takes this name"
            }
            Self::HostRegex => {
                "the regex fits other hosts too, or fewer; the model has the names that are written out"
            }
            Self::ServerName => {
                "HAProxy compares the name of the TLS handshake; the model compares Host"
            }
            Self::FieldList => {
                "HAProxy compares each line of a field, or each part between commas, by itself; the model compares the field as a whole"
            }
            Self::Handshake => {
                "the model takes a request for a WebSocket by its whole handshake, in any case"
            }
            Self::WholeTarget => {
                "over HTTP/2 HAProxy compares the target with its scheme and host; the model compares the path"
            }
            Self::BareParameter => "HAProxy does not see a parameter without `=`; the model does",
            Self::PathWithin => {
                "without `^` the regex fits further behind in a path too, which the rules behind it do not show here"
            }
            Self::MonitorQuery => {
                "HAProxy answers this target without a query alone; the model with any query"
            }
            Self::RedirectSlash => "the Location has a path, a slash, where it had none",
            Self::RedirectWhole => {
                "HAProxy writes the path alone into the Location; the model writes the scheme and the host ahead of it"
            }
            Self::RedirectPort => {
                "HAProxy keeps the port of Host in the Location; the model leaves it out"
            }
            Self::AnswerParts => "the body, or a field of the answer that is computed, is left out",
            Self::NoAnswer => {
                "HAProxy closes the connection without an answer; the model answers 403"
            }
            Self::ForwardedFor => {
                "what the client itself sent is replaced, where HAProxy adds a line behind it"
            }
            Self::ForwardedKept => {
                "what the client itself sent is replaced, where HAProxy keeps it"
            }
            Self::ForwardedFamily => crate::import::implied::TAKES_MORE,
            Self::UpgradeForced => {
                "HAProxy asks the server for a WebSocket with every request, and answers 502 where a plain request gets another answer than 101; the model passes plain requests on as they are"
            }
            Self::TcpFrontend => {
                "this frontend lacks `mode http`: HAProxy reads HTTP because the backend does, and ignores its http-request rules; the model reads HTTP"
            }
            Self::CheckOn404 => "a server that answers 404 is taken out like one that fails",
            Self::CheckConnection => {
                "the check connects like requests do: by the server's own address and TLS"
            }
            Self::ServerConnections => "a server's connections are not counted",
            Self::NoWeight => "a weight of 0 takes no new requests; 1 is the least",
            Self::ServerSni => "the name in SNI is the server's own",
            Self::CertificateAndKey => "the certificate's file holds its key too: both are named",
            Self::KeepAliveTime => {
                "after how long a silence TCP asks is the system's own time: 2h by default"
            }
            Self::StickyValues => crate::import::ledger::STICKS_ANEW,
            Self::ForwardedExcept => {
                "HAProxy tells nothing of clients of this network; the model tells of every client"
            }
            Self::HealthTold => {
                "another server, an agent or its answers tell whether this server is well; the model asks the server itself"
            }
            Self::OwnAddress => {
                "connections to this server leave from an address of their own; the model leaves that to the system"
            }
            Self::ServerHttp2 => {
                "HAProxy may speak HTTP/2 with this server; the model speaks HTTP/1.1"
            }
            Self::TlsVersions => "the versions of TLS are those of the model's profile",
            Self::VerifiedName => "the name that the certificate must be good for is sent as SNI",
            Self::ProxyHeaderTls => {
                "the PROXY header tells of the client's TLS too; the model's has addresses alone"
            }
            Self::SlowStart => "a server that is back gets all of its share at once",
            Self::StatisticsPage => {
                "HAProxy answers requests for its page of statistics itself; here they go where the other requests go"
            }
            Self::OwnAnswers => {
                "HAProxy changes its own answers too; the model changes those of servers"
            }
            Self::OwnListener => "the model has no word for this option of a listener",
            Self::ListenerConnections => {
                "the connections of this listener are counted; the model counts those of its section"
            }
        }
    }

    fn subjects(self) -> Vec<Subject> {
        match self {
            Self::HostPort => vec![Subject::Unusual(Unusual::HostPort)],
            Self::HostCase => vec![Subject::Unusual(Unusual::HostCase)],
            Self::FieldList => vec![Subject::Unusual(Unusual::FieldList)],
            Self::WholeTarget => vec![Subject::Unusual(Unusual::Http2)],
            Self::BareParameter => vec![Subject::Unusual(Unusual::BareParameter)],
            Self::MonitorQuery => vec![Subject::Unusual(Unusual::Query)],
            Self::HostEnd
            | Self::HostStart
            | Self::HostRegex
            | Self::ServerName
            | Self::PathWithin => vec![Subject::Answer, Subject::Target, Subject::Location],
            Self::Handshake => vec![Subject::Answer, Subject::Handshake, Subject::Target],
            Self::RedirectSlash | Self::RedirectWhole | Self::RedirectPort => {
                vec![Subject::Location]
            }
            Self::StatisticsPage | Self::NoAnswer => vec![Subject::Answer],
            // Its own field is a subject of the rule.
            Self::OwnAnswers => Vec::new(),
            Self::AnswerParts => {
                vec![Subject::Answer, Subject::ResponseField("content-type".to_owned())]
            }
            Self::ForwardedFor
            | Self::ForwardedKept
            | Self::ForwardedFamily
            | Self::ForwardedExcept => vec![Subject::Forwarded],
            Self::UpgradeForced | Self::TcpFrontend => vec![Subject::Answer, Subject::Handshake],
            Self::CheckOn404
            | Self::CheckConnection
            | Self::NoWeight
            | Self::StickyValues
            | Self::HealthTold
            | Self::SlowStart => vec![Subject::Balancing],
            Self::ServerConnections | Self::ListenerConnections => vec![Subject::Limit],
            Self::ServerSni
            | Self::CertificateAndKey
            | Self::OwnAddress
            | Self::ServerHttp2
            | Self::TlsVersions
            | Self::VerifiedName
            | Self::ProxyHeaderTls
            | Self::OwnListener => vec![Subject::Connection],
            Self::KeepAliveTime => vec![Subject::Timer],
        }
    }

    /// Whether the difference changes which requests a condition means.
    fn is_of_conditions(self) -> bool {
        self.misses()
            || matches!(
                self,
                Self::HostPort | Self::HostCase | Self::WholeTarget | Self::PathWithin
            )
    }

    /// Whether a condition may mean fewer requests than HAProxy does, or none of them, because others are compared.
    fn misses(self) -> bool {
        matches!(
            self,
            Self::HostEnd
                | Self::HostStart
                | Self::HostRegex
                | Self::ServerName
                | Self::FieldList
                | Self::Handshake
                | Self::BareParameter
        )
    }
}

impl Importer<'_> {
    /// Reports a difference about one field of answers.
    pub(super) fn differs_in_field(&mut self, span: Span, how: Differs, name: &str) {
        let mut subjects = how.subjects();
        subjects.push(Subject::response_field(name));
        self.ledger.announces(span, &subjects, how.text());
    }

    /// Reports that a directive means a little less or more in the model. In the condition of a rule that refuses, a difference
    /// by
    /// which requests are missed makes the rule a loss that opens something.
    pub(super) fn differs(&mut self, span: Span, how: Differs) {
        let mut subjects = how.subjects();
        if how.is_of_conditions()
            && let Some(asking) = self.asking.clone()
        {
            if asking.guards && how.misses() {
                return self.lose(asking.id, Some(span), how.text(), true);
            }
            subjects.extend(asking.subjects);
        }
        self.ledger.announces(span, &subjects, how.text());
    }
}

/// The rule whose condition is being read.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    pub(super) id: Id,
    /// Whether the rule refuses requests.
    pub(super) guards: bool,
    /// Subjects of the rule beside the answer.
    pub(super) subjects: Vec<Subject>,
}
