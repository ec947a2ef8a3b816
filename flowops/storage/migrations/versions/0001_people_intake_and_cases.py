"""People, intake and cases."""

import sqlalchemy as sa
from alembic import op

from flowops.storage import migrations
from flowops.storage.types import Json, UtcTime

revision = "0001"
down_revision = None
downgrade = migrations.refuse

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("plan", sa.String(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
        sa.UniqueConstraint("source", "external_id", name="uq_customers_source_external_id"),
    )
    op.create_table(
        "policy_versions",
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_policy_versions"),
    )
    op.create_table(
        "queues",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_queues"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("role", sa.String(40), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("disabled_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("facts", Json(), nullable=False),
        sa.Column("verdict", Json(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("policy_version", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["policy_version"], ["policy_versions.version"], name="fk_decisions_policy_version"),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_created_at", "decisions", ["created_at"])
    op.create_index("ix_decisions_outcome_rule", "decisions", ["outcome", "rule"])
    op.create_index("ix_decisions_subject_id", "decisions", ["subject_id"])
    op.create_table(
        "queue_members",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["queue"], ["queues.name"], name="fk_queue_members_queue"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_queue_members_user_id"),
        sa.PrimaryKeyConstraint("user_id", "queue", name="pk_queue_members"),
    )
    op.create_table(
        "sessions",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id"),
        sa.PrimaryKeyConstraint("sha256", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "sign_in_links",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sign_in_links_user_id"),
        sa.PrimaryKeyConstraint("sha256", name="pk_sign_in_links"),
    )
    op.create_index("ix_sign_in_links_user_id", "sign_in_links", ["user_id"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_tokens_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("sha256", name="uq_tokens_sha256"),
    )
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"])
    op.create_table(
        "requests",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("caller_id", sa.String(), nullable=True),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("facts", Json(), nullable=False),
        sa.Column("confidence", sa.String(), nullable=True),
        sa.Column("escalate", sa.Boolean(), nullable=False),
        sa.Column("effect", Json(), nullable=True),
        sa.Column("meta", Json(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=False),
        sa.Column("handoff_id", sa.String(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["caller_id"], ["users.id"], name="fk_requests_caller_id"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_requests_customer_id"),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name="fk_requests_decision_id"),
        sa.ForeignKeyConstraint(["queue"], ["queues.name"], name="fk_requests_queue"),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
        sa.UniqueConstraint(
            "caller_id", "endpoint", "mode", "external_id", name="uq_requests_caller_id_endpoint_mode_external_id"
        ),
    )
    op.create_index("ix_requests_created_at", "requests", ["created_at"])
    op.create_index("ix_requests_customer_created", "requests", ["customer_id", "created_at"])
    op.create_table(
        "handoffs",
        sa.Column("number", SERIAL, sa.Identity(start=1), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("priority", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("issues", Json(), nullable=False),
        sa.Column("tier", sa.String(40), nullable=False),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("claimed_at", UtcTime(), nullable=True),
        sa.Column("claim_expires_at", UtcTime(), nullable=True),
        sa.Column("waiting_for", sa.String(), nullable=True),
        sa.Column("resolved_by", sa.String(), nullable=True),
        sa.Column("resolved_at", UtcTime(), nullable=True),
        sa.Column("outcome", sa.String(40), nullable=True),
        sa.Column("outcome_notes", sa.String(), nullable=True),
        sa.Column("duplicate_of", sa.String(), nullable=True),
        sa.Column("sla_policy", sa.String(), nullable=True),
        sa.Column("sla_clock", sa.String(), nullable=True),
        sa.Column("sla_started_at", UtcTime(), nullable=True),
        sa.Column("sla_due_at", UtcTime(), nullable=True),
        sa.Column("sla_warn_at", UtcTime(), nullable=True),
        sa.Column("sla_breached_at", UtcTime(), nullable=True),
        sa.Column("risk_level", sa.String(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["claimed_by"], ["users.id"], name="fk_handoffs_claimed_by"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_handoffs_created_by"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_handoffs_customer_id"),
        sa.ForeignKeyConstraint(["duplicate_of"], ["handoffs.id"], name="fk_handoffs_duplicate_of"),
        sa.ForeignKeyConstraint(["queue"], ["queues.name"], name="fk_handoffs_queue"),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_handoffs_request_id"),
        sa.ForeignKeyConstraint(["resolved_by"], ["users.id"], name="fk_handoffs_resolved_by"),
        sa.PrimaryKeyConstraint("number", name="pk_handoffs"),
        sa.UniqueConstraint("id", name="uq_handoffs_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_handoffs_claimed_by", "handoffs", ["claimed_by"])
    op.create_index("ix_handoffs_created_at", "handoffs", ["created_at"])
    op.create_index("ix_handoffs_created_by", "handoffs", ["created_by"])
    op.create_index("ix_handoffs_customer_created", "handoffs", ["customer_id", "created_at"])
    op.create_index("ix_handoffs_queue_status_due", "handoffs", ["queue", "status", "sla_due_at"])
    op.create_index("ix_handoffs_request_id", "handoffs", ["request_id"])
    op.create_table(
        "artifacts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("handoff_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("content", Json(), nullable=True),
        sa.Column("grounding", Json(), nullable=True),
        sa.Column("provenance", Json(), nullable=False),
        sa.Column("generator", sa.String(), nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("prompt_version", sa.String(), nullable=True),
        sa.Column("reasons", Json(), nullable=False),
        sa.Column("context", sa.String(), nullable=False),
        sa.Column("last_message_position", SERIAL, nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["handoff_id"], ["handoffs.id"], name="fk_artifacts_handoff_id"),
        sa.PrimaryKeyConstraint("id", name="pk_artifacts"),
        sa.UniqueConstraint("handoff_id", "kind", "version", name="uq_artifacts_handoff_id_kind_version"),
    )
    op.create_index(
        "ix_artifacts_counted",
        "artifacts",
        ["kind", "generator", "status", "latency_ms", "input_tokens", "output_tokens"],
    )
    op.create_table(
        "effects",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("handoff_id", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("params", Json(), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=False),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("approvals_needed", sa.Integer(), nullable=False),
        sa.Column("approval_permission", sa.String(), nullable=False),
        sa.Column("proposer_may_approve", sa.Boolean(), nullable=False),
        sa.Column("proposed_by", sa.String(), nullable=True),
        sa.Column("execute_after", UtcTime(), nullable=True),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("receipt_reference", sa.String(), nullable=True),
        sa.Column("receipt_at", UtcTime(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name="fk_effects_decision_id"),
        sa.ForeignKeyConstraint(["handoff_id"], ["handoffs.id"], name="fk_effects_handoff_id"),
        sa.ForeignKeyConstraint(["proposed_by"], ["users.id"], name="fk_effects_proposed_by"),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_effects_request_id"),
        sa.PrimaryKeyConstraint("id", name="pk_effects"),
    )
    op.create_index("ix_effects_handoff_id", "effects", ["handoff_id"])
    op.create_index("ix_effects_request_id", "effects", ["request_id"])
    op.create_index("ix_effects_status_created", "effects", ["status", "created_at"])
    op.create_table(
        "messages",
        sa.Column("position", SERIAL, sa.Identity(start=1), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("handoff_id", sa.String(), nullable=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["handoff_id"], ["handoffs.id"], name="fk_messages_handoff_id"),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_messages_request_id"),
        sa.PrimaryKeyConstraint("position", name="pk_messages"),
        sa.UniqueConstraint("id", name="uq_messages_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_messages_handoff_id", "messages", ["handoff_id"])
    op.create_index("ix_messages_request_id", "messages", ["request_id"])
    op.create_table(
        "notes",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("handoff_id", sa.String(), nullable=False),
        sa.Column("author_id", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name="fk_notes_author_id"),
        sa.ForeignKeyConstraint(["handoff_id"], ["handoffs.id"], name="fk_notes_handoff_id"),
        sa.PrimaryKeyConstraint("id", name="pk_notes"),
    )
    op.create_index("ix_notes_handoff_id", "notes", ["handoff_id"])
    op.create_table(
        "approvals",
        sa.Column("effect_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["effect_id"], ["effects.id"], name="fk_approvals_effect_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_approvals_user_id"),
        sa.PrimaryKeyConstraint("effect_id", "user_id", "revision", name="pk_approvals"),
    )
