/**
 * The server's event bus, over a connection that comes back by itself.
 *
 * #### Notes
 * JupyterLab's own event manager says nothing when its connection breaks or is
 * back, and waits up to 30 s before it tries again. What happened in between
 * would be missed for as long.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

/** Below the server's base address. */
const PATH = 'api/events/subscribe';

/** Between two attempts at first: a server restarts within seconds. */
const SOON_MS = 1000;

/** Between two attempts later, or while nobody looks. */
const LATER_MS = 5000;

/** So many attempts are made soon. */
const N_SOON = 60;

/** Listens to the event bus and tells when it was away. */
export class EventSocket implements IDisposable {
  /**
   * @param serverSettings - how the server is reached; JupyterLab's by default.
   */
  constructor(serverSettings?: ServerConnection.ISettings) {
    this._settings = serverSettings ?? ServerConnection.makeSettings();
    window.addEventListener('online', this._hurry);
    document.addEventListener('visibilitychange', this._hurry);
    this._connect();
  }

  /** Emitted with everything that comes over the bus. */
  get received(): ISignal<this, unknown> {
    return this._received;
  }

  /** Emitted when the bus is there again after it was away. */
  get reconnected(): ISignal<this, void> {
    return this._reconnected;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    window.removeEventListener('online', this._hurry);
    document.removeEventListener('visibilitychange', this._hurry);
    window.clearTimeout(this._timer);
    this._socket?.close();
    Signal.clearData(this);
  }

  private _connect(): void {
    window.clearTimeout(this._timer);
    const { appendToken, token, WebSocket, wsUrl } = this._settings;
    const query =
      appendToken && token !== '' ? `?token=${encodeURIComponent(token)}` : '';
    const socket = new WebSocket(URLExt.join(wsUrl, PATH) + query);
    this._socket = socket;
    socket.onopen = () => {
      if (this._nAttempts > 0) {
        this._nAttempts = 0;
        this._reconnected.emit();
      }
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === 'string' && data !== '') {
        this._received.emit(JSON.parse(data));
      }
    };
    socket.onclose = () => {
      this._socket = null;
      if (!this._isDisposed) {
        this._nAttempts += 1;
        this._timer = window.setTimeout(() => this._connect(), this._delay());
      }
    };
  }

  private _delay(): number {
    return document.hidden || this._nAttempts > N_SOON ? LATER_MS : SOON_MS;
  }

  /** The network is back, or somebody looks again: no reason to wait. */
  private _hurry = (): void => {
    if (this._socket === null && !document.hidden) {
      this._connect();
    }
  };

  private _isDisposed = false;
  private _nAttempts = 0;
  private _received = new Signal<this, unknown>(this);
  private _reconnected = new Signal<this, void>(this);
  private _settings: ServerConnection.ISettings;
  private _socket: WebSocket | null = null;
  private _timer = 0;
}
