-- Websites and accounts as the two reporting systems describe them. What was there before counts as active.
ALTER TABLE assets ADD COLUMN status TEXT NOT NULL DEFAULT 'active';
ALTER TABLE assets ADD COLUMN site_code TEXT;
ALTER TABLE assets ADD COLUMN icp_no TEXT;
ALTER TABLE assets ADD COLUMN security_filing_no TEXT;
ALTER TABLE assets ADD COLUMN platform_id TEXT;
ALTER TABLE assets ADD COLUMN certified_entity TEXT;
ALTER TABLE assets ADD COLUMN opened_on TEXT;
CREATE INDEX assets_supervising_unit ON assets (supervising_unit_id);
-- How much somebody has uploaded today.
CREATE INDEX attachments_uploader ON attachments (uploaded_by, created_at);
