from __future__ import annotations
import argparse, sys
from pathlib import Path
def run():
    p=argparse.ArgumentParser(); p.add_argument('cmd'); p.add_argument('--root'); p.add_argument('--state'); p.add_argument('--address','-a'); p.add_argument('--config','-c',type=Path); p.add_argument('--log-level','-l')
    a=p.parse_args()
    from argosy import log
    from argosy_cli.config import load
    from argosy_cli.supervisor import Supervisor
    l=load(a.config); m=l.mesh.model_copy(update={k:(Path(v) if k!='log_level' else v) for k in('root','state','address','log_level') if (v:=getattr(a,k))})
    log.configure(m.log_level)
    return Supervisor(m, lambda s: print(s,flush=True)).run()
