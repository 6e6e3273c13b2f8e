-- The week's overview is a part of its reader's digest.
UPDATE messages SET kind = 'digest' WHERE kind = 'weekly';
