SELECT txid_current() AS xid
