// SPDX-License-Identifier: Apache-2.0

// The shape of the files in dashboards/: Grafana's own types, narrowed to what is used here, as
// JSON has them. A key that Grafana does not know is then an error, and so is a value it does not
// know.
import type * as common from '@grafana/grafana-foundation-sdk/common';
import type * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import type * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import type * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import type * as stat from '@grafana/grafana-foundation-sdk/stat';
import type * as table from '@grafana/grafana-foundation-sdk/table';
import type * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

// JSON has the values of enumerations, not their names, and no functions.
type Value<T> = T extends string
  ? `${T}`
  : T extends number
    ? `${T}` extends `${infer N extends number}`
      ? N
      : T
    : T;
type Fields<T> = {
  [K in keyof T as NonNullable<T[K]> extends (...a: never[]) => unknown ? never : K]: Json<T[K]>;
};
type IsAny<T> = 0 extends 1 & T ? true : false;
type Json<T> =
  IsAny<T> extends true
    ? unknown
    : T extends string | number | boolean | null | undefined
      ? Value<T>
      : T extends (infer E)[]
        ? Json<E>[]
        : Fields<T>;

// A link to follow from data: Grafana itself writes these three only.
type DataLink = Pick<dashboard.DashboardLink, 'title' | 'url' | 'targetBlank'>;

interface FieldConfig<Custom> {
  defaults: Omit<Fields<dashboard.FieldConfig>, 'custom' | 'links'> & {
    custom?: Fields<Custom>;
    links?: DataLink[];
  };
  overrides: Fields<dashboard.FieldConfigSource>['overrides'];
}

type PanelOf<Type extends string, Options, Custom> = Omit<
  Fields<dashboard.Panel>,
  'type' | 'targets' | 'options' | 'fieldConfig' | 'title' | 'description'
> & {
  type: Type;
  title: string;
  description: string;
  targets: Fields<prometheus.Dataquery>[];
  options: Fields<Options>;
  fieldConfig: FieldConfig<Custom>;
};

type Panel =
  | PanelOf<'timeseries', timeseries.Options, common.GraphFieldConfig>
  | PanelOf<'stat', stat.Options, never>
  | PanelOf<'heatmap', heatmap.Options, heatmap.FieldConfig>
  | PanelOf<'table', table.Options, Partial<common.TableFieldOptions>>
  | Fields<dashboard.RowPanel>;

export type Dashboard = Omit<Fields<dashboard.Dashboard>, 'panels'> & { panels: Panel[] };
