//! `load_balancing` and `sticky`.

use crate::field::{choice, section};
use crate::scalar::{HashKey, Token};

choice! {
    /// How a server is chosen.
    enum Policy {
        /// In turn, by weight.
        RoundRobin = "round_robin",
        /// The one with the fewest open connections and tunnels.
        LeastConn = "least_conn",
        /// At random, by weight.
        Random = "random",
        /// By the client's address.
        IpHash = "ip_hash",
        /// By the part of the request that `key` names.
        Hash = "hash",
    }
}

choice! {
    /// `SameSite` of a cookie.
    enum SameSite {
        /// Never from another site.
        Strict = "strict",
        /// From another site on navigation only.
        Lax = "lax",
        /// Always; needs `secure`.
        None = "none",
    }
}

section! {
    /// How requests and tunnels spread over the servers.
    whole struct LoadBalancing: Own @ Upstream {
        /// How a server is chosen.
        required policy: Policy = "", BALANCE_POLICY;
        /// What the `hash` policy looks at.
        optional key: HashKey = "", BALANCE_POLICY;
    }
}

section! {
    /// Keeping a client at the server that it met first.
    whole struct Sticky: Own @ Upstream {
        /// By a cookie that the proxy sets.
        required cookie: StickyCookie = "", STICKY_VISIBLE;
    }
}

section! {
    /// The cookie of a sticky upstream.
    whole struct StickyCookie: Own @ Upstream {
        /// Its name.
        required name: Token = "", STICKY_VISIBLE;
        /// Hidden from scripts.
        optional http_only: bool = "true", STICKY_VISIBLE;
        /// Sent over TLS only.
        optional secure: bool = "false", STICKY_VISIBLE;
        /// Whether it is sent from other sites.
        optional same_site: SameSite = "", STICKY_VISIBLE;
    }
}
