#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""What drivers say that oslo.db has no name for, and Galera's one setting.

A replica, and a cluster that changes its server, answer on connections that
are in order otherwise.
"""

import sqlite3
from typing import Any

#: ER_OPTION_PREVENTS_STATEMENT (read_only, super_read_only), and
#: ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION (transaction_read_only)
_MYSQL_READ_ONLY = (1290, 1792)
#: read_only_sql_transaction
_POSTGRESQL_READ_ONLY = '25006'
#: ER_ERROR_DURING_COMMIT: a node of Galera that lost its quorum says so,
#: and whether the others have the transaction is open
_COMMIT_FAILED = 1180
#: lock_not_available
_LOCK_NOT_AVAILABLE = '55P03'


def is_busy(exc: Exception) -> bool:
    """Whether waiting for a lock was given up, where oslo.db does not tell.

    InnoDB's is a DBDeadlock; here are SQLite's and PostgreSQL's.
    """
    driver = _driver(exc)
    if getattr(driver, 'pgcode', None) == _LOCK_NOT_AVAILABLE:
        return True
    code = getattr(driver, 'sqlite_errorcode', None)
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_read_only(exc: Exception) -> bool:
    """Whether a server refused to write: a replica, or a change of server."""
    if _mysql_code(exc) in _MYSQL_READ_ONLY:
        # 1290 speaks of any option; others of them are the caller's fault.
        return 'read' in str(_driver(exc)).lower()
    return getattr(_driver(exc), 'pgcode', None) == _POSTGRESQL_READ_ONLY


def is_commit_unknown(exc: Exception) -> bool:
    """Whether nobody knows if the transaction was committed."""
    return bool(_mysql_code(exc) == _COMMIT_FAILED)


def wait_for_others(connection: Any, _record: Any) -> None:
    """Let Galera apply what other nodes have committed before it reads.

    Else a read on one node may miss what was just committed on another.
    """
    with connection.cursor() as cursor:
        cursor.execute("SHOW VARIABLES LIKE 'wsrep_on'")
        found = cursor.fetchone()
        if found is not None and str(found[1]).upper() in ('ON', '1'):
            cursor.execute('SET SESSION wsrep_sync_wait = 1')


def _driver(exc: Exception) -> Any:
    inner = getattr(exc, 'inner_exception', None) or exc
    return getattr(inner, 'orig', None)


def _mysql_code(exc: Exception) -> Any:
    arguments = getattr(_driver(exc), 'args', ())
    return arguments[0] if arguments else None
