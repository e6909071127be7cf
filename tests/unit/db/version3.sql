-- What a file of the first release holds, as sqlite3's .dump writes it.
BEGIN TRANSACTION;
CREATE TABLE deliveries (
	id INTEGER NOT NULL,
	sop_instance_uid VARCHAR NOT NULL,
	destination VARCHAR NOT NULL,
	state VARCHAR(9) NOT NULL,
	attempts INTEGER NOT NULL,
	not_before VARCHAR NOT NULL,
	claimed_by VARCHAR,
	lease_until VARCHAR,
	delivered_at VARCHAR,
	reason VARCHAR NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (sop_instance_uid, destination),
	FOREIGN KEY(sop_instance_uid) REFERENCES results (sop_instance_uid),
	CONSTRAINT "known_DeliveryState" CHECK (state IN ('waiting', 'sending', 'delivered', 'failed'))
);
INSERT INTO "deliveries" VALUES(1,'1.9.1','PACS','delivered',1,'2025-03-01T12:00:20.000000+00:00',NULL,NULL,'2025-03-01T12:00:31.000000+00:00','');
INSERT INTO "deliveries" VALUES(2,'1.9.2','PACS','waiting',0,'2025-03-01T12:00:20.000000+00:00',NULL,NULL,NULL,'');
CREATE TABLE instances (
	series_instance_uid VARCHAR NOT NULL,
	sop_instance_uid VARCHAR NOT NULL,
	sop_class_uid VARCHAR NOT NULL,
	study_instance_uid VARCHAR NOT NULL,
	transfer_syntax_uid VARCHAR NOT NULL,
	calling_ae_title VARCHAR NOT NULL,
	modality VARCHAR NOT NULL,
	series_description VARCHAR NOT NULL,
	path VARCHAR NOT NULL,
	size INTEGER NOT NULL,
	sha256 VARCHAR NOT NULL,
	received_at VARCHAR NOT NULL,
	PRIMARY KEY (series_instance_uid, sop_instance_uid),
	FOREIGN KEY(series_instance_uid) REFERENCES series (series_instance_uid)
);
INSERT INTO "instances" VALUES('1.2.3.1','1.2.3.1.1','1.2.840.10008.5.1.4.1.1.4','1.2.3','1.2.840.10008.1.2.1','PACS','MR','FLAIR','/data/1.dcm',1000,'aa','2025-03-01T12:00:00.000000+00:00');
INSERT INTO "instances" VALUES('1.2.3.1','1.2.3.1.2','1.2.840.10008.5.1.4.1.1.4','1.2.3','1.2.840.10008.1.2.1','PACS','MR','FLAIR','/data/1.dcm',1000,'aa','2025-03-01T12:00:00.000000+00:00');
INSERT INTO "instances" VALUES('1.2.3.1','1.2.3.1.3','1.2.840.10008.5.1.4.1.1.4','1.2.3','1.2.840.10008.1.2.1','PACS','MR','FLAIR','/data/1.dcm',1000,'aa','2025-03-01T12:00:00.000000+00:00');
CREATE TABLE jobs (
	id INTEGER NOT NULL,
	model VARCHAR NOT NULL,
	study_instance_uid VARCHAR NOT NULL,
	inputs VARCHAR NOT NULL,
	series_instance_uids VARCHAR NOT NULL,
	generation INTEGER NOT NULL,
	calling_ae_title VARCHAR NOT NULL,
	notes VARCHAR NOT NULL,
	refusal VARCHAR NOT NULL,
	failure VARCHAR NOT NULL,
	state VARCHAR(7) NOT NULL,
	attempts INTEGER NOT NULL,
	reason VARCHAR NOT NULL,
	enqueued_at VARCHAR NOT NULL,
	not_before VARCHAR NOT NULL,
	claimed_by VARCHAR,
	lease_until VARCHAR,
	started_at VARCHAR,
	finished_at VARCHAR,
	report VARCHAR NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (model, inputs, generation),
	CONSTRAINT "known_JobState" CHECK (state IN ('waiting', 'running', 'done', 'failed'))
);
INSERT INTO "jobs" VALUES(1,'segment_unet2d','1.2.3','[["flair", "1.2.3.0", ""]]','1.2.3.0',0,'PACS','[]','','','done',1,'','2025-03-01T12:00:00.000000+00:00','2025-03-01T12:00:00.000000+00:00',NULL,NULL,'2025-03-01T12:00:10.000000+00:00','2025-03-01T12:00:20.000000+00:00','{}');
INSERT INTO "jobs" VALUES(2,'segment_unet2d','1.2.3','[["flair", "1.2.3.1", ""]]','1.2.3.1',0,'PACS','[]','','','failed',1,'slices are missing','2025-03-01T12:00:01.000000+00:00','2025-03-01T12:00:01.000000+00:00',NULL,NULL,'2025-03-01T12:00:10.000000+00:00','2025-03-01T12:00:21.000000+00:00','');
INSERT INTO "jobs" VALUES(3,'segment_unet2d','1.2.3','[["flair", "1.2.3.2", ""]]','1.2.3.2',0,'PACS','[]','','','running',1,'','2025-03-01T12:00:02.000000+00:00','2025-03-01T12:00:02.000000+00:00','w3','2025-03-01T12:01:10.000000+00:00','2025-03-01T12:00:10.000000+00:00',NULL,'');
INSERT INTO "jobs" VALUES(4,'segment_unet2d','1.2.3','[["flair", "1.2.3.3", ""]]','1.2.3.3',0,'PACS','[]','','','waiting',0,'','2025-03-01T12:00:03.000000+00:00','2025-03-01T12:00:03.000000+00:00',NULL,NULL,NULL,NULL,'');
CREATE TABLE results (
	sop_instance_uid VARCHAR NOT NULL,
	job_id INTEGER NOT NULL,
	sop_class_uid VARCHAR NOT NULL,
	series_instance_uid VARCHAR NOT NULL,
	kind VARCHAR NOT NULL,
	path VARCHAR NOT NULL,
	PRIMARY KEY (sop_instance_uid),
	FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "results" VALUES('1.9.1',1,'1.2.840.10008.5.1.4.1.1.66.4','1.9.1.0','SEG','/data/results/1.9.1.dcm');
INSERT INTO "results" VALUES('1.9.2',1,'1.2.840.10008.5.1.4.1.1.66.4','1.9.2.0','SR','/data/results/1.9.2.dcm');
CREATE TABLE series (
	series_instance_uid VARCHAR NOT NULL,
	study_instance_uid VARCHAR NOT NULL,
	calling_ae_title VARCHAR NOT NULL,
	modality VARCHAR NOT NULL,
	sop_class_uid VARCHAR NOT NULL,
	series_description VARCHAR NOT NULL,
	instances INTEGER NOT NULL,
	first_received_at VARCHAR NOT NULL,
	last_received_at VARCHAR NOT NULL,
	released_at VARCHAR,
	generation INTEGER NOT NULL,
	state VARCHAR(9) NOT NULL,
	reason VARCHAR NOT NULL,
	candidates VARCHAR NOT NULL,
	waiting_until VARCHAR,
	PRIMARY KEY (series_instance_uid),
	CONSTRAINT "known_SeriesState" CHECK (state IN ('receiving', 'waiting', 'enqueued', 'refused'))
);
INSERT INTO "series" VALUES('1.2.3.1','1.2.3','PACS','MR','1.2.840.10008.5.1.4.1.1.4','FLAIR',3,'2025-03-01T12:00:00.000000+00:00','2025-03-01T12:00:00.000000+00:00',NULL,0,'enqueued','','offer',NULL);
CREATE INDEX ix_series_state ON series (state);
CREATE INDEX ix_series_study_instance_uid ON series (study_instance_uid);
CREATE INDEX ix_jobs_study_instance_uid ON jobs (study_instance_uid);
CREATE INDEX due_jobs ON jobs (state, not_before);
CREATE INDEX ix_results_job_id ON results (job_id);
CREATE INDEX due_deliveries ON deliveries (state, not_before);
PRAGMA user_version=3;
COMMIT;
