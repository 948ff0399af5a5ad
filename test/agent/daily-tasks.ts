// What people do with workloads all day: the line of docker or kubectl, as docs/coming-from-docker.md has it, and the line that is typed
// instead. test/docs holds the two together; daily.kernel.test types the lines, in this order, in a shell.

export interface DailyTask {
  /** Begins a line of docker or kubectl in a row of the document. */
  readonly instead: string;
  /** $IMAGE is one that the host has, $DIR a directory that workloads may mount. */
  readonly typed: string;
  /** Standard output and standard error. */
  readonly says: RegExp;
  /** Of the command; 0 where nothing is said. */
  readonly exit?: number;
}

export const DAILY_TASKS: readonly DailyTask[] = [
  { instead: 'docker pull', typed: 'berth image pull $IMAGE', says: /image:latest [0-9a-f]{12}/ },
  { instead: 'docker images', typed: 'berth image list', says: /oci:.*image:latest/ },
  {
    instead: 'docker run --rm debian:13 date',
    typed: 'berth run --rm $IMAGE busybox date',
    says: /^\w{3} \w{3} .* 20\d\d$/m,
  },
  {
    instead: 'docker run --entrypoint',
    typed: 'berth run --rm --entrypoint sh --pull always $IMAGE -c "echo hi"',
    says: /^hi$/m,
  },
  { instead: 'docker run -w', typed: 'berth run --rm -w /tmp $IMAGE pwd', says: /^\/tmp$/m },
  {
    instead: 'docker run --tmpfs',
    typed: 'berth run --rm --tmpfs /scratch:size=1Mi --shm-size 2Mi $IMAGE busybox df -k /scratch /dev/shm',
    says: / 1024 [\s\S]* 2048 /,
  },
  {
    instead: 'docker run --cap-drop',
    typed: 'berth run --rm --cap-drop ALL --cap-add NET_ADMIN $IMAGE busybox grep CapEff /proc/self/status',
    says: /CapEff:\s+0000000000001000$/m,
  },
  {
    instead: 'docker run --ulimit',
    typed: 'berth run --rm --ulimit nofile=64:128 $IMAGE sh -c "ulimit -n; ulimit -Hn"',
    says: /^64\n128$/m,
  },
  {
    instead: 'docker run --env-file',
    typed: 'berth run --rm --env-file $DIR/web.env $IMAGE env',
    says: /^COLOUR=red$/m,
  },
  {
    instead: 'docker run -v /srv/data',
    typed: 'berth run --rm -v $DIR/data:/data:ro $IMAGE sh -c "cat /data/greeting; touch /data/x"',
    says: /^hello$[\s\S]*Read-only file system/m,
    exit: 1,
  },
  {
    instead: 'docker run -v data:',
    typed: 'berth run --rm -v data:/data $IMAGE sh -c "echo kept > /data/x; ls /data"',
    says: /^x$/m,
  },
  { instead: 'docker volume ls', typed: 'berth volume list', says: /\bdata\b/ },
  {
    instead: 'docker service create --secret',
    typed: 'berth run --rm --secret db $IMAGE cat /run/secrets/db',
    says: /^hunter2$/m,
  },
  { instead: 'docker run --group-add', typed: 'berth run --rm --group-add 44 $IMAGE id', says: /groups=.*\b44\b/ },
  {
    instead: 'docker run --stop-signal',
    typed: 'berth run -d --name slow --stop-signal SIGINT --stop-timeout 60 $IMAGE sleep 1000000',
    says: /^slow$/m,
  },
  { instead: 'kubectl apply --dry-run', typed: 'berth fits -f $DIR/web.yaml', says: /fit/ },
  { instead: 'kubectl apply -f', typed: 'berth workload create -f $DIR/web.yaml', says: /web/ },
  { instead: 'kubectl wait pod web --for condition=Ready', typed: 'berth workload wait web --for ready', says: /web/ },
  { instead: 'docker ps -a', typed: 'berth ps', says: /web .*running/ },
  { instead: 'docker ps -q', typed: 'berth ls -o id', says: /^slow\nweb$/m },
  { instead: 'kubectl get pods -l', typed: 'berth workload list -l app=web,tier!=db -o id', says: /^web$/ },
  { instead: 'docker inspect', typed: 'berth inspect web', says: /oci:.*image:latest/ },
  { instead: 'docker update --restart', typed: 'berth update web --restart on-failure:5', says: /web/ },
  { instead: 'kubectl diff', typed: 'berth diff web -f $DIR/web.yaml', says: /restart/, exit: 1 },
  {
    instead: 'kubectl label',
    typed: 'berth update -l app=web --label release=7 --label canary-',
    says: /web/,
  },
  { instead: 'kubectl get pod web -o yaml', typed: 'berth spec web -o yaml', says: /^ +release: "?7/m },
  {
    instead: 'docker exec -it',
    typed: 'script -qec "berth exec -it web -- busybox tty" /dev/null',
    says: /\/dev\/pts\/\d/,
  },
  { instead: 'docker logs -t --since', typed: 'berth logs web --timestamps --since 10m', says: /^20\d\d-.* started$/m },
  {
    instead: 'docker cp web:/etc/hosts',
    typed: 'berth cp web:/etc/hosts $DIR/hosts && cat $DIR/hosts',
    says: /localhost/,
  },
  {
    instead: 'docker cp site/.',
    typed: 'berth cp $DIR/data/. web:/tmp && berth exec web -- cat /tmp/greeting',
    says: /^hello$/m,
  },
  { instead: 'docker stats', typed: 'berth top --once -l app=web', says: /web/ },
  {
    instead: 'docker pause',
    typed: 'berth workload freeze web && berth workload thaw web',
    says: /web/,
  },
  {
    instead: 'kubectl rollout restart',
    typed: 'berth workload restart -l app=web --max-unavailable 2',
    says: /web/,
  },
  { instead: 'docker stop', typed: 'berth stop web', says: /web/ },
  // Of a workload that has ended it ends.
  { instead: 'docker logs -f --tail', typed: 'berth logs web -f --tail 1', says: /^started$/m },
  { instead: 'docker wait', typed: 'berth wait web --for exited', says: /web/ },
  { instead: 'docker ps --filter', typed: 'berth workload list --state exited -o id', says: /^web$/m },
  { instead: 'docker events', typed: 'berth events --since 2h --type workload.ended', says: /web/ },
  { instead: 'kubectl cordon', typed: 'berth node cordon', says: /cordon/ },
  {
    instead: 'kubectl drain',
    typed: 'berth node drain --grace 30s --deadline 10m --dry-run',
    says: /slow/,
  },
  { instead: 'kubectl uncordon', typed: 'berth node uncordon', says: /cordon|open|start/ },
  { instead: 'docker info', typed: 'berth node status', says: /workload/i },
  { instead: 'docker rm -f', typed: 'berth rm slow web --now', says: /web/ },
  { instead: 'docker volume prune', typed: 'berth volume delete data', says: /data/ },
  { instead: 'docker rmi', typed: 'berth image delete $IMAGE', says: /deleted|oci:/ },
];
