namespace t;

entity BusinessPartners {
  key CardCode     : String(15);
      CardName     : String(100);
      CardType     : String(12) default 'cCustomer';
      FederalTaxID : String(32);
      EmailAddress : String(100);
      Phone1       : String(20);
      City         : String(100);
      Country      : String(3);
      Currency     : String(3);
      Valid        : String(4) default 'tYES';
      Balance      : Decimal(19, 6);
      U_PL_Key     : String(64);
      DataVersion  : Integer default 1;
      CreateDate   : String(10);
      UpdateDate   : String(10);
      UpdateTime   : String(8);
}

entity Projects {
  key Code       : String(20);
      Name       : String(100);
      ValidFrom  : String(10);
      ValidTo    : String(10);
      Active     : String(4) default 'tYES';
      U_PL_Key   : String(64);
      modifiedAt : Timestamp @odata.etag @cds.on.insert: $now @cds.on.update: $now;
}

entity JournalEntries {
  key JdtNum : Integer;
      Memo   : String(50);
      TaxDate: Date;
      Lines  : Composition of many JournalEntryLines on Lines.parent = $self;
}

entity JournalEntryLines {
  key ID          : UUID;
      parent      : Association to JournalEntries;
      AccountCode : String(15);
      Debit       : Decimal(19, 6);
      Credit      : Decimal(19, 6);
      CostingCode : String(8);
}
