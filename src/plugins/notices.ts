/** Who is told when executions are over. */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CommandIDs } from '../commands';
import { StoredClaims } from '../notifiers/claims';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- listens from the start
import { DesktopNotifier } from '../notifiers/desktop';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- listens from the start
import { NoticeQueue } from '../notifiers/queue';
import { NotifierRegistry } from '../notifiers/registry';
import { SweepWatch } from '../notifiers/sweeps';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- listens from the start
import { ToastNotifier } from '../notifiers/toast';
import { TypingWatch } from '../notifiers/typing';
import {
  IExecutionsModel,
  INotifierRegistry,
  IResultTracker,
  PLUGIN_ID,
  TRANSLATION_DOMAIN
} from '../tokens';

/** The part of the settings that is about notices. */
interface INoticeSettings {
  toasts: boolean;
  minimumRunSeconds: number;
  desktop: boolean;
}

/** Tells when executions are over, and lets others tell as well. */
export const noticesPlugin: JupyterFrontEndPlugin<INotifierRegistry> = {
  id: 'jupyter_async_exec:notices',
  description: 'Tells once when executions are over.',
  autoStart: true,
  provides: INotifierRegistry,
  requires: [IExecutionsModel],
  optional: [IResultTracker, ICommandPalette, ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IExecutionsModel,
    results: IResultTracker | null,
    palette: ICommandPalette | null,
    settings: ISettingRegistry | null,
    translator: ITranslator | null
  ): INotifierRegistry => {
    const { commands } = app;
    const { baseUrl } = app.serviceManager.serverSettings;
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const registry = new NotifierRegistry();
    const toast = new ToastNotifier({ commands, trans });
    const desktop = new DesktopNotifier({ commands, trans });
    const queue = new NoticeQueue({
      model,
      notifiers: registry,
      sweeps: new SweepWatch(model.sweeps),
      claims: new StoredClaims({
        storage: window.localStorage,
        key: `jupyter_async_exec:told:${baseUrl}`
      }),
      typing: new TypingWatch(),
      isOnScreen: id => results?.isVisible(id) ?? false
    });
    registry.register(toast);
    registry.register(desktop);

    const load = settings?.load(PLUGIN_ID);
    const apply = (loaded: ISettingRegistry.ISettings): void => {
      const {
        toasts,
        minimumRunSeconds,
        desktop: wanted
      } = loaded.composite as unknown as INoticeSettings;
      toast.isEnabled = toasts;
      queue.minimumRunSeconds = minimumRunSeconds;
      desktop.isEnabled = wanted;
    };
    void load?.then(loaded => {
      apply(loaded);
      loaded.changed.connect(() => {
        const wasEnabled = desktop.isEnabled;
        apply(loaded);
        // The browser asks only after a click, such as the one that set this.
        if (desktop.isEnabled && !wasEnabled) {
          void desktop.requestPermission();
        }
      });
    });

    commands.addCommand(CommandIDs.toggleDesktopNotices, {
      label: trans.__('Desktop Notifications for Executions'),
      caption: trans.__(
        'Tell through the operating system while the page is hidden'
      ),
      describedBy: { args: { type: 'object', properties: {} } },
      isToggled: () => desktop.isEnabled,
      execute: async () => {
        const wanted = !desktop.isEnabled;
        const allowed = !wanted || (await desktop.requestPermission());
        await (await load)?.set('desktop', wanted && allowed);
      }
    });
    palette?.addItem({
      command: CommandIDs.toggleDesktopNotices,
      category: trans.__('Executions')
    });
    return registry;
  }
};
