SELECT pg_current_wal_lsn() AS written, txid_snapshot_xmax(txid_current_snapshot()) AS next_xid
