CREATE TABLE aggregate_hosts (
 created_at DATETIME,
 updated_at DATETIME,
 id INTEGER NOT NULL,
 host VARCHAR(255),
 aggregate_id INTEGER NOT NULL,
 PRIMARY KEY (id),
 CONSTRAINT uniq_aggregate_hosts0host0aggregate_id UNIQUE (host, aggregate_id)
);
CREATE TABLE aggregate_metadata (
 created_at DATETIME,
 updated_at DATETIME,
 id INTEGER NOT NULL,
 aggregate_id INTEGER NOT NULL,
 "key" VARCHAR(255) NOT NULL,
 value VARCHAR(255) NOT NULL,
 PRIMARY KEY (id),
 CONSTRAINT uniq_aggregate_metadata0aggregate_id0key UNIQUE (aggregate_id, "key")
);
CREATE TABLE cell_mappings (
 created_at DATETIME,
 updated_at DATETIME,
 id INTEGER NOT NULL,
 uuid VARCHAR(36) NOT NULL,
 name VARCHAR(255),
 transport_url TEXT,
 database_connection TEXT,
 disabled BOOLEAN,
 PRIMARY KEY (id),
 CONSTRAINT uniq_cell_mappings0uuid UNIQUE (uuid)
);
CREATE TABLE host_mappings (
 created_at DATETIME,
 updated_at DATETIME,
 id INTEGER NOT NULL,
 cell_id INTEGER NOT NULL,
 host VARCHAR(255) NOT NULL,
 PRIMARY KEY (id),
 CONSTRAINT uniq_host_mappings0host UNIQUE (host)
);
CREATE TABLE instance_group_member (
 created_at DATETIME,
 updated_at DATETIME,
 id INTEGER NOT NULL,
 instance_uuid VARCHAR(255),
 group_id INTEGER NOT NULL,
 PRIMARY KEY (id)
);
CREATE TABLE instance_group_policy (
 created_at DATETIME,
 updated_at DATETIME,
 id INTEGER NOT NULL,
 policy VARCHAR(255),
 group_id INTEGER NOT NULL,
 rules TEXT,
 PRIMARY KEY (id)
);
CREATE TABLE instance_groups (
 created_at DATETIME,
 updated_at DATETIME,
 id INTEGER NOT NULL,
 user_id VARCHAR(255),
 project_id VARCHAR(255),
 uuid VARCHAR(36) NOT NULL,
 name VARCHAR(255),
 PRIMARY KEY (id),
 CONSTRAINT uniq_instance_groups0uuid UNIQUE (uuid)
);
CREATE TABLE instance_mappings (
 created_at DATETIME,
 updated_at DATETIME,
 id INTEGER NOT NULL,
 instance_uuid VARCHAR(36) NOT NULL,
 cell_id INTEGER,
 project_id VARCHAR(255) NOT NULL,
 queued_for_delete BOOLEAN,
 user_id VARCHAR(255),
 PRIMARY KEY (id),
 CONSTRAINT uniq_instance_mappings0instance_uuid UNIQUE (instance_uuid)
);
CREATE TABLE request_specs (
 created_at DATETIME,
 updated_at DATETIME,
 id INTEGER NOT NULL,
 instance_uuid VARCHAR(36) NOT NULL,
 spec TEXT NOT NULL,
 PRIMARY KEY (id),
 CONSTRAINT uniq_request_specs0instance_uuid UNIQUE (instance_uuid)
);
