using t from '../db/schema';

@path: '/b1s/v2'
@cds.query.limit: { default: 20, max: 100 }
service B1 {
  entity BusinessPartners  as projection on t.BusinessPartners;
  entity Projects          as projection on t.Projects;
  entity JournalEntries    as projection on t.JournalEntries;
  entity JournalEntryLines as projection on t.JournalEntryLines;
}
