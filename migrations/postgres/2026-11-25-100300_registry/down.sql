DROP INDEX attachments_uploader;
DROP INDEX assets_supervising_unit;
ALTER TABLE assets DROP COLUMN opened_on;
ALTER TABLE assets DROP COLUMN certified_entity;
ALTER TABLE assets DROP COLUMN platform_id;
ALTER TABLE assets DROP COLUMN security_filing_no;
ALTER TABLE assets DROP COLUMN icp_no;
ALTER TABLE assets DROP COLUMN site_code;
ALTER TABLE assets DROP COLUMN status;
