package matter

import (
	"fmt"

	"github.com/loquet/loquet/matter/cert"
	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/model"
)

// What the node promises (Matter 1.4 section 11.1.4.4 wants 3, 3, 1, 1, 9 and 3 at least).
const (
	maxInvokes       = 10
	maxSubscriptions = 24
	promisedSessions = 3
	maxPaths         = 256
)

// build makes the root endpoint and the aggregator.
func (s *Server) build() error {
	reboots, err := countReboot(&s.c)
	if err != nil {
		return err
	}
	s.basic, err = cluster.NewBasicInformation(s.c.Product, cluster.Minima{SessionsPerFabric: promisedSessions, SubscriptionsPerFabric: maxSubscriptions,
		Invocations: maxInvokes, Writes: 1, ReadPaths: maxPaths, SubscribePaths: maxPaths}, maxInvokes, s.c.Storage)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	s.diag = cluster.NewGeneralDiagnostics(cluster.Machine{Reboots: reboots, Interfaces: s.c.Interfaces, Load: s.load, Time: s.c.Clock})
	access := cluster.NewAccessControl(s.table)
	root, err := model.NewEndpoint(model.EndpointConfig{DeviceTypes: []model.DeviceType{{ID: 0x0016, Revision: 4}}, Composition: model.FullFamily,
		Clusters: append([]model.Cluster{s.basic, access, s.diag,
			cluster.NewGeneralCommissioning(s.failsafe, s.window, s.basic),
			cluster.NewNetworkCommissioning(s.c.NetworkName),
			cluster.NewAdministrator(s.window, s.failsafe, s.table),
			cluster.NewOperationalCredentials(cluster.CredentialsConfig{Table: s.table, Failsafe: s.failsafe, Window: s.window, Certificates: verifier{s},
				Attestation: s.c.Attestation, Access: access, Basic: s.basic}),
			cluster.NewGroupKeyManagement(s.table)}, s.c.RootClusters...)})
	if err != nil {
		return err
	}
	if err := s.node.Add(root); err != nil {
		return err
	}
	aggregator, err := model.NewEndpoint(model.EndpointConfig{ID: Aggregator, DeviceTypes: []model.DeviceType{{ID: deviceTypeAggregator, Revision: 2}},
		Composition: model.FullFamily, Clusters: []model.Cluster{cluster.NewIdentify(cluster.IdentifyNone, nil)}})
	if err != nil {
		return err
	}
	return s.node.Add(aggregator)
}

func (s *Server) load(fabric uint8) cluster.Load {
	l := s.engine.Load(fabric)
	return cluster.Load{Subscriptions: l.Subscriptions, SubscriptionsOfFabric: l.SubscriptionsOfFabric, Established: l.Established, Sent: l.MessagesSent, Received: l.MessagesIn}
}

// verifier holds certificates against the rules, and against the time where that can be relied on.
type verifier struct{ s *Server }

// Root implements cluster.Certificates.
func (v verifier) Root(root []byte) ([]byte, error) {
	c, err := cert.ParseRoot(root)
	if err != nil {
		return nil, err
	}
	return c.PublicKey, nil
}

// Chain implements cluster.Certificates.
func (v verifier) Chain(root, icac, noc []byte) (cluster.Operational, error) {
	c, err := cert.Verify(root, icac, noc, v.s.trustedTime())
	if err != nil {
		return cluster.Operational{}, err
	}
	return cluster.Operational{FabricID: c.NOC.FabricID(), NodeID: c.NOC.NodeID(), PublicKey: c.NOC.PublicKey}, nil
}

// Signer implements cluster.Certificates.
func (v verifier) Signer(vvsc []byte) error {
	_, err := cert.Parse(vvsc)
	return err
}
