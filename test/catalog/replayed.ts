/** The catalog that is read from a log: each record is written down as there, and read again. */
import { Catalog } from '../../src/catalog/catalog.ts';
import { type CatalogRecord, decodeCatalogRecord } from '../../src/catalog/record.ts';

export function replayed(records: Iterable<CatalogRecord>): Catalog {
  const catalog = new Catalog();
  for (const record of records) {
    const decoded = decodeCatalogRecord(JSON.parse(JSON.stringify(record)));
    if (decoded === null) throw new Error('a record that is not known');
    catalog.apply(decoded);
  }
  return catalog;
}
