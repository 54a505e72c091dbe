"""Every Prometheus name. No label is ever a query name or a client."""

from __future__ import annotations

from typing import Final, NamedTuple


class About(NamedTuple):
    """What a metric is; names of counters end in _total."""

    kind: str  # counter, gauge or histogram
    help: str
    labels: tuple[str, ...] = ()


METRICS: Final = {
    "ptrd_build_info": About("gauge", "Always 1; the label says which version runs.", ("version",)),
    "ptrd_start_time_seconds": About("gauge", "When the server started, in Unix time."),
    "ptrd_queries_total": About("counter", "Messages read and looked into.", ("family", "transport")),
    "ptrd_query_types_total": About("counter", "Messages by the type they ask for; none when unreadable.", ("qtype",)),
    "ptrd_responses_total": About("counter", "Answers sent, by rcode.", ("rcode",)),
    "ptrd_response_sources_total": About("counter", "Answers sent, by what made them.", ("source",)),
    "ptrd_truncated_responses_total": About("counter", "Answers sent with TC=1, so that the client asks over TCP."),
    "ptrd_dropped_messages_total": About("counter", "Messages that got no answer.", ("reason",)),
    "ptrd_range_responses_total": About(
        "counter", "Answers made from the default host name of a range.", ("zone", "range", "template")
    ),
    "ptrd_response_duration_seconds": About(
        "histogram", "From taking a message off its socket until its answer is handed back.", ("transport",)
    ),
    "ptrd_tcp_connections": About("gauge", "TCP connections that are open, those with TLS included."),
    "ptrd_tcp_accepted_total": About("counter", "TCP connections accepted."),
    "ptrd_tcp_closed_total": About("counter", "TCP connections closed, by why.", ("reason",)),
    "ptrd_transfers_running": About("gauge", "Zone transfers to other servers that run."),
    "ptrd_transfers_total": About(
        "counter", "Zone transfers asked for over TCP or TLS, by how they ended.", ("result",)
    ),
    "ptrd_tls_certificate_expiry_timestamp_seconds": About(
        "gauge", "When the certificate of DNS over TLS expires, in Unix time; nothing without TLS."
    ),
    "ptrd_workers": About("gauge", "Workers that serve the current snapshot."),
    "ptrd_worker_restarts_total": About("counter", "Workers that ended unasked and were replaced."),
    "ptrd_snapshot_revision": About("gauge", "Revision of the snapshot that is served."),
    "ptrd_snapshot_records": About("gauge", "PTR record sets in the snapshot, default host names not counted."),
    "ptrd_managed_records": About("gauge", "PTR record sets that are managed by command or API, and served."),
    "ptrd_managed_confirmations": About(
        "gauge", "Managed records of projects with a policy, by what was last found about their names.", ("verdict",)
    ),
    "ptrd_confirmation_checks_total": About("counter", "Looks at the names of a record, by the result.", ("verdict",)),
    "ptrd_snapshot_ranges": About("gauge", "Ranges with a default host name in the snapshot."),
    "ptrd_snapshot_zones": About("gauge", "Zones in the snapshot."),
    "ptrd_snapshot_size_bytes": About("gauge", "Size of the compiled image."),
    "ptrd_publishes_total": About("counter", "Loads of the zones, by result.", ("result",)),
    "ptrd_last_publish_successful": About("gauge", "Whether the last load of the zones was published (1) or not (0)."),
    "ptrd_last_publish_timestamp_seconds": About("gauge", "When the last load of the zones ended, in Unix time."),
    "ptrd_last_publish_duration_seconds": About("gauge", "How long the last load of the zones took."),
    "ptrd_notify_sent_total": About("counter", "NOTIFY messages sent to secondaries, those sent again included."),
    "ptrd_notify_acknowledged_total": About("counter", "NOTIFY messages that a secondary answered."),
    "ptrd_notify_failed_total": About("counter", "Changes of zones that a secondary was told of in vain."),
    "ptrd_secondary_acknowledged_serial": About(
        "gauge", "The last serial of a NOTIFY that a secondary answered.", ("zone", "secondary")
    ),
    "ptrd_secondary_serial": About("gauge", "The serial that a secondary serves.", ("zone", "secondary")),
    "ptrd_secondary_lag_seconds": About(
        "gauge", "For how long a secondary has not had the newest serial; 0 when it has.", ("zone", "secondary")
    ),
    "ptrd_received_zones": About("gauge", "Zones that come from somebody else's primary, by how they are.", ("state",)),
    "ptrd_zone_fetches_total": About(
        "counter", "Tries to ask a primary for what is new, or to fetch it, by result.", ("result",)
    ),
    "ptrd_process_resident_memory_bytes": About("gauge", "Resident memory, shared pages included.", ("process",)),
    "ptrd_process_proportional_memory_bytes": About(
        "gauge", "Memory with each shared page divided among its users (PSS).", ("process",)
    ),
    "ptrd_process_cpu_seconds_total": About("counter", "CPU time, user and system.", ("process",)),
}
BUCKETS: Final = range(10, 31)  # bits of nanoseconds: 1 microsecond to 1 second
